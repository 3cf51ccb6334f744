import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { ExportColumn } from '../columns.js';
import type { RowWriter } from './lines.js';
import { ParquetColumn } from './parquet-column.js';
import { PARQUET_TYPES, type SchemaElement } from './parquet-types.js';

/** The keys and values that a Parquet file can carry beside its rows. */
export type Metadata = Readonly<Record<string, string>>;

/** A Parquet file, written one group of rows at a time. */
export function parquetFile(
  columns: readonly ExportColumn[],
  metadata: Metadata,
  emit: (bytes: Uint8Array<ArrayBuffer>) => void,
): RowWriter {
  const bytes = new ByteWriter(FIRST_BYTES);
  const file = new ParquetWriter({
    writer: bytes,
    schema: schemaOf(columns),
    kvMetadata: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    createdBy: 'call-logger',
  });
  const fields = columns.map((column) => new ParquetColumn(column, ROWS_PER_GROUP));
  let rows = 0;
  let size = 0;

  const emitAll = (): void => {
    emit(bytes.getBytes().slice());
    bytes.index = 0;
  };
  const writeGroup = (): void => {
    const begin = bytes.offset;
    const chunks = fields.map((field) => {
      const chunk = field.write(bytes);
      emitAll();
      return chunk;
    });
    const sizes = chunks.map(({ meta_data }) => meta_data?.total_uncompressed_size ?? 0n);
    file.row_groups.push({
      columns: chunks,
      num_rows: BigInt(rows),
      total_byte_size: sizes.reduce((sum, one) => sum + one, 0n),
      total_compressed_size: BigInt(bytes.offset - begin),
    });
    file.num_rows += BigInt(rows);
    rows = 0;
    size = 0;
  };

  return {
    take: ({ source, starts, ends }) => {
      let index = 0;
      for (const field of fields) {
        const start = starts[index] ?? -1;
        const end = ends[index] ?? -1;
        index++;
        field.take(source, start, end);
        if (start >= 0) size += end - start;
      }
      rows++;
      if (rows === ROWS_PER_GROUP || size >= BYTES_PER_GROUP) writeGroup();
    },
    end: () => {
      if (rows > 0) writeGroup();
      // Asynchronous only where the bytes go to a file.
      void file.finish();
      emitAll();
    },
  };
}

/** Readers work on a group at a time, and so does the memory of this one. */
const ROWS_PER_GROUP = 32_768;
/** Of rows as PostgreSQL sent them. */
const BYTES_PER_GROUP = 16 * 1024 * 1024;
const FIRST_BYTES = 1024 * 1024;

function schemaOf(columns: readonly ExportColumn[]): SchemaElement[] {
  return [
    { name: 'root', num_children: columns.length },
    ...columns.map(({ name, type }): SchemaElement => ({
      name,
      repetition_type: 'OPTIONAL',
      ...PARQUET_TYPES[type].schema,
    })),
  ];
}
