import { type Memory, memoryOf } from './memory.js';

/** Where the fields of a row lie in the bytes. */
export interface Row {
  readonly source: Memory;
  /** Of each field; negative where it is null. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/**
 * Reads PostgreSQL's binary COPY format as its bytes come in, without making an object of any value: a row is where
 * each of its fields begins and ends.
 *
 *   header:  "PGCOPY\n\xff\r\n\0", 4 bytes of flags, 4 bytes that say how long an extension follows
 *   row:     2 bytes: number of fields; each field: 4 bytes of length (-1: null), and so many bytes
 *   end:     2 bytes: -1
 *
 * Numbers are big-endian. Source: the documentation of COPY, "Binary Format".
 */
export class CopyRows {
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #unread = new Uint8Array(0);
  #isBegun = false;
  #isEnded = false;
  #count = 0;

  /** @param onRow gets a row that is overwritten by the next one */
  constructor(
    private readonly fields: number,
    private readonly onRow: (row: Row) => void,
  ) {
    this.#starts = new Int32Array(fields);
    this.#ends = new Int32Array(fields);
  }

  take(bytes: Uint8Array<ArrayBuffer>): void {
    const source = memoryOf(this.#unread.length === 0 ? bytes : joined(this.#unread, bytes));
    let at = this.#isBegun ? 0 : this.#begin(source.bytes);
    while (!this.#isEnded) {
      const next = this.#row(source, at);
      if (next === at) break;
      at = next;
    }
    this.#unread = source.bytes.subarray(at);
  }

  /**
   * @returns how many rows there were
   * @throws when the end never came
   */
  end(): number {
    if (!this.#isEnded || this.#unread.length > 0) throw new Error('the rows of PostgreSQL end too early');
    return this.#count;
  }

  #begin(bytes: Uint8Array): number {
    if (bytes.length < HEADER_LENGTH) return 0;
    if (!SIGNATURE.equals(bytes.subarray(0, SIGNATURE.length))) throw new Error('no binary COPY format');
    this.#isBegun = true;
    return HEADER_LENGTH;
  }

  /** Where the next row begins; the same place when this one is not whole yet. */
  #row(source: Memory, start: number): number {
    const { words } = source;
    const length = words.byteLength;
    if (!this.#isBegun || start + 2 > length) return start;
    const fields = words.getInt16(start);
    let at = start + 2;
    if (fields === -1) {
      this.#isEnded = true;
      return at;
    }
    if (fields !== this.fields) throw new Error(`a row of ${fields} fields instead of ${this.fields}`);
    for (let field = 0; field < fields; field++) {
      if (at + 4 > length) return start;
      const size = words.getInt32(at);
      at += 4;
      if (size < 0) {
        this.#starts[field] = -1;
        continue;
      }
      if (at + size > length) return start;
      this.#starts[field] = at;
      at += size;
      this.#ends[field] = at;
    }
    this.#count++;
    this.onRow({ source, starts: this.#starts, ends: this.#ends });
    return at;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** PostgreSQL writes no extension. */
const HEADER_LENGTH = SIGNATURE.length + 8;
