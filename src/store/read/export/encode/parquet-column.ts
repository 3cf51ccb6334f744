import type { ParquetWriter } from 'hyparquet-writer';
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeRleBitPackedHybrid } from 'hyparquet-writer/src/encoding.js';
import { snappyCompress } from 'hyparquet-writer/src/snappy.js';
import type { ExportColumn } from '../columns.js';
import { DistinctValues } from './distinct-values.js';
import { type Memory, memory } from './memory.js';
import { LITTLE_ENDIAN, PARQUET_TYPES, type ParquetType } from './parquet-types.js';

export type ColumnChunk = ParquetWriter['row_groups'][number]['columns'][number];
type ChunkMetadata = NonNullable<ColumnChunk['meta_data']>;
type Encoding = ChunkMetadata['encodings'][number];

/**
 * The values of one column in one group of rows. They are kept as PostgreSQL sent them, each different one once, and
 * the rows as numbers of those: what repeats, which in this data is nearly everything, is never decoded twice, and no
 * value is ever an object: given as such to the library's own writer of columns, an export took twice as long. Written
 * as a dictionary and its indexes where that is shorter, and plainly where it is not.
 */
export class ParquetColumn {
  readonly #name: string;
  readonly #type: ParquetType;
  readonly #distinct: DistinctValues;
  /** Of the values that are not null. */
  readonly #numbers: Int32Array;
  #count = 0;
  /** Of each row: 1 where there is a value, 0 where it is null. */
  readonly #levels: Uint8Array;
  #rows = 0;

  /** @param most rows in a group */
  constructor({ name, type }: ExportColumn, most: number) {
    this.#name = name;
    this.#type = PARQUET_TYPES[type];
    this.#distinct = new DistinctValues(most);
    this.#numbers = new Int32Array(most);
    this.#levels = new Uint8Array(most);
  }

  /** @param start negative for null */
  take(source: Memory, start: number, end: number): void {
    this.#levels[this.#rows++] = start < 0 ? 0 : 1;
    if (start >= 0) this.#numbers[this.#count++] = this.#distinct.numberOf(source, start, end);
  }

  /** Writes the column's part of a group of rows, and begins the next. */
  write(file: ByteWriter): ColumnChunk {
    const { type } = this.#type.schema;
    if (type === undefined) throw new Error(`${this.#name} has no type`);
    const begin = file.offset;
    const isDictionary = this.#dictionaryIsShorter();
    const dictionarySize = isDictionary ? this.#writeDictionary(file) : 0;
    const dataBegin = file.offset;
    const encoding = isDictionary ? 'RLE_DICTIONARY' : 'PLAIN';
    const dataSize = this.#writeData(file, encoding);
    const chunk: ColumnChunk = {
      file_offset: BigInt(begin),
      meta_data: {
        type,
        encodings: isDictionary ? ['PLAIN', encoding] : [encoding],
        path_in_schema: [this.#name],
        codec: 'SNAPPY',
        num_values: BigInt(this.#rows),
        total_uncompressed_size: BigInt(dictionarySize + dataSize),
        total_compressed_size: BigInt(file.offset - begin),
        data_page_offset: BigInt(dataBegin),
        ...(isDictionary && { dictionary_page_offset: BigInt(begin) }),
        statistics: { null_count: BigInt(this.#rows - this.#count), ...this.#leastAndGreatest() },
      },
    };
    this.#distinct.clear();
    this.#count = 0;
    this.#rows = 0;
    return chunk;
  }

  #dictionaryIsShorter(): boolean {
    // Booleans are single bits already.
    if (this.#count === 0 || this.#type.width < 1) return false;
    const plain = this.#plainSize(this.#numbers.subarray(0, this.#count));
    return this.#plainSize(this.#everyNumber()) + (this.#count * this.#bitWidth()) / 8 < plain;
  }

  /** @returns its size before compression, as that of a column is counted */
  #writeDictionary(file: ByteWriter): number {
    const begin = file.offset;
    const plain = this.#plain(this.#everyNumber());
    const compressed = snappyCompress(plain);
    writePageHeader(file, {
      type: 'DICTIONARY_PAGE',
      uncompressed_page_size: plain.length,
      compressed_page_size: compressed.length,
      dictionary_page_header: { num_values: this.#distinct.size, encoding: 'PLAIN' },
    });
    const headerSize = file.offset - begin;
    file.appendBytes(compressed);
    return headerSize + plain.length;
  }

  #writeData(file: ByteWriter, encoding: Encoding): number {
    const begin = file.offset;
    const levels = new ByteWriter();
    writeRleBitPackedHybrid(levels, this.#levels.subarray(0, this.#rows), 1);
    const numbers = this.#numbers.subarray(0, this.#count);
    const values = encoding === 'PLAIN' ? this.#plain(numbers) : this.#indexes(numbers);
    const compressed = snappyCompress(values);
    writePageHeader(file, {
      type: 'DATA_PAGE_V2',
      // Levels are never compressed.
      uncompressed_page_size: levels.offset + values.length,
      compressed_page_size: levels.offset + compressed.length,
      data_page_header_v2: {
        num_values: this.#rows,
        num_nulls: this.#rows - this.#count,
        num_rows: this.#rows,
        encoding,
        definition_levels_byte_length: levels.offset,
        repetition_levels_byte_length: 0,
        is_compressed: true,
      },
    });
    const headerSize = file.offset - begin;
    file.appendBytes(levels.getBytes());
    file.appendBytes(compressed);
    return headerSize + levels.offset + values.length;
  }

  #indexes(numbers: Int32Array): Uint8Array {
    const bytes = new ByteWriter(numbers.length + 64);
    bytes.appendUint8(this.#bitWidth());
    writeRleBitPackedHybrid(bytes, numbers, this.#bitWidth());
    return bytes.getBytes();
  }

  #bitWidth(): number {
    return Math.max(1, Math.ceil(Math.log2(this.#distinct.size)));
  }

  #everyNumber(): Int32Array {
    return new Int32Array(this.#distinct.size).map((_, number) => number);
  }

  #plainSize(numbers: Int32Array): number {
    const { width, write } = this.#type;
    let size = Math.ceil(numbers.length * width);
    if (write === undefined && width >= 1) {
      for (const number of numbers) size += this.#distinct.endOf(number) - this.#distinct.startOf(number);
    }
    return size;
  }

  #plain(numbers: Int32Array): Uint8Array {
    const { width, write } = this.#type;
    const { values } = this.#distinct;
    const target = memory(this.#plainSize(numbers));
    let at = 0;
    for (const number of numbers) {
      const start = this.#distinct.startOf(number);
      if (write !== undefined) {
        write(values, start, target, at);
        at += width;
      } else if (width < 1) {
        if (values.bytes[start] === 1) target.bytes[at >> 3] = (target.bytes[at >> 3] ?? 0) | (1 << (at & 7));
        at++;
      } else {
        const text = values.bytes.subarray(start, this.#distinct.endOf(number));
        target.words.setUint32(at, text.length, LITTLE_ENDIAN);
        target.bytes.set(text, at + width);
        at += width + text.length;
      }
    }
    return target.bytes;
  }

  #leastAndGreatest(): { min_value?: number | bigint; max_value?: number | bigint } {
    const { read } = this.#type;
    if (read === undefined || this.#distinct.size === 0) return {};
    let min_value = read(this.#distinct.values, 0);
    let max_value = min_value;
    for (let number = 1; number < this.#distinct.size; number++) {
      const value = read(this.#distinct.values, this.#distinct.startOf(number));
      if (value < min_value) min_value = value;
      if (value > max_value) max_value = value;
    }
    return { min_value, max_value };
  }
}
