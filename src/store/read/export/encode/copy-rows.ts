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
export interface Row {
  readonly bytes: Buffer;
  /** Of each field; negative where it is null. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export class CopyRows {
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #unread: Buffer = Buffer.alloc(0);
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

  take(bytes: Buffer): void {
    const all = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    let at = this.#isBegun ? 0 : this.#begin(all);
    while (!this.#isEnded) {
      const next = this.#row(all, at);
      if (next === at) break;
      at = next;
    }
    this.#unread = all.subarray(at);
  }

  /**
   * @returns how many rows there were
   * @throws when the end never came
   */
  end(): number {
    if (!this.#isEnded || this.#unread.length > 0) throw new Error('the rows of PostgreSQL end too early');
    return this.#count;
  }

  #begin(bytes: Buffer): number {
    if (bytes.length < HEADER_LENGTH) return 0;
    if (!bytes.subarray(0, SIGNATURE.length).equals(SIGNATURE)) throw new Error('no binary COPY format');
    this.#isBegun = true;
    return HEADER_LENGTH;
  }

  /** Where the next row begins; the same place when this one is not whole yet. */
  #row(bytes: Buffer, start: number): number {
    if (!this.#isBegun || start + 2 > bytes.length) return start;
    const fields = bytes.readInt16BE(start);
    let at = start + 2;
    if (fields === -1) {
      this.#isEnded = true;
      return at;
    }
    if (fields !== this.fields) throw new Error(`a row of ${fields} fields instead of ${this.fields}`);
    for (let field = 0; field < fields; field++) {
      if (at + 4 > bytes.length) return start;
      const length = bytes.readInt32BE(at);
      at += 4;
      if (length < 0) {
        this.#starts[field] = -1;
        continue;
      }
      if (at + length > bytes.length) return start;
      this.#starts[field] = at;
      at += length;
      this.#ends[field] = at;
    }
    this.#count++;
    this.onRow({ bytes, starts: this.#starts, ends: this.#ends });
    return at;
  }
}

const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** PostgreSQL writes no extension. */
const HEADER_LENGTH = SIGNATURE.length + 8;
