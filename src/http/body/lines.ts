import { GrowingBytes } from './growing-bytes.js';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** A line without its line end, or null for one that is too long to be kept. */
export type Line = Buffer | null;

/** Cuts a stream of chunks into lines: LF or CRLF, the last one also without. */
export class LineSplitter {
  /** The start of a line whose end has not arrived; never longer than `maxLineBytes`. */
  readonly #carry = new GrowingBytes(null);
  /** The current line is too long: its bytes are passed over until its end. */
  #skipping = false;
  #atStart = true;

  constructor(private readonly maxLineBytes: number) {}

  /** The lines that end in this chunk. They may share its memory: use them before the next chunk. */
  *push(chunk: Buffer): Generator<Line, void> {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      yield this.#finishLine(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** The line after the last line end, when there is one. */
  *end(): Generator<Line, void> {
    if (this.#skipping || this.#carry.length > 0) yield this.#finishLine(Buffer.alloc(0));
  }

  #keep(part: Buffer): void {
    // One byte more for a carriage return that will not count.
    if (this.#skipping || this.#carry.length + part.length > this.maxLineBytes + 1) {
      this.#skipping = true;
      this.#carry.take();
    } else {
      this.#carry.append(part);
    }
  }

  #finishLine(tail: Buffer): Line {
    if (this.#skipping || this.#carry.length > 0) this.#keep(tail);
    if (this.#skipping) {
      this.#skipping = false;
      this.#atStart = false;
      return null;
    }
    let line = this.#carry.length > 0 ? this.#carry.take() : tail;
    if (line.at(-1) === CARRIAGE_RETURN) line = line.subarray(0, -1);
    if (this.#atStart) {
      this.#atStart = false;
      if (line.subarray(0, BOM.length).equals(BOM)) line = line.subarray(BOM.length);
    }
    return line.length > this.maxLineBytes ? null : line;
  }
}
