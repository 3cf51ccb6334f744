import { bytesMatch, HEAD_BYTES, readHead, recordSpace } from './record.js';
import type { RecordHead } from './record.js';

/** Where a scan gets its bytes from. */
export interface ByteSource {
  /** Bytes from `offset` on: at least `atLeast` of them, unless the file or `end` comes before; maybe more, never past `end`. */
  read(offset: number, atLeast: number, end: number): Promise<Buffer>;
}

/** A record whose head and bytes hold. */
export interface WholeRecord {
  readonly kind: 'record';
  readonly sequence: number;
  readonly timeMs: number;
  readonly checksum: number;
  readonly bytes: Buffer;
  /** Offset in the file after it. */
  readonly end: number;
}

/** Sequences that should be there and cannot be read, and the bytes [from, to) of the file that lie in their place. */
export interface LostRecords {
  readonly kind: 'lost';
  readonly first: number;
  readonly last: number;
  readonly from: number;
  readonly to: number;
}

export type Piece = WholeRecord | LostRecords;

/** How far a scan may go: bytes before `end`, sequences before `limit`. Both belong to the same moment. */
export interface ScanBounds {
  readonly end: number;
  readonly limit: number;
}

/** Walks through the records of one segment in order, with every sequence from the start to the limit coming out exactly once. */
export class SegmentScanner {
  readonly #source: ByteSource;
  // Null: no header of the segment could be read, so nothing in it can be told from damage.
  readonly #salt: number | null;
  #offset: number;
  // The next sequence to come out.
  #expected: number;
  // Start of the bytes, before #offset, that belong to no whole record; null when there are none.
  #damageFrom: number | null = null;

  constructor(source: ByteSource, salt: number | null, offset: number, expected: number) {
    this.#source = source;
    this.#salt = salt;
    this.#offset = offset;
    this.#expected = expected;
  }

  /** Reads one step further; undefined when all within the bounds has come out. May return [] in the middle of damage. */
  async advance(bounds: ScanBounds): Promise<Piece[] | undefined> {
    if (this.#expected >= bounds.limit) return undefined;
    if (this.#salt === null || this.#offset >= bounds.end) return this.#giveUpTo(bounds);
    let window = await this.#source.read(this.#offset, HEAD_BYTES, bounds.end);
    if (window.length < HEAD_BYTES) return this.#giveUpTo(bounds);

    const pieces: Piece[] = [];
    let at = 0;
    while (at + HEAD_BYTES <= window.length && this.#expected < bounds.limit) {
      const head = readHead(window, at, this.#salt);
      const space = head ? recordSpace(head.length) : 0;
      if (!head || !this.#plausible(head, this.#offset + at + space, bounds)) {
        this.#damageFrom ??= this.#offset + at;
        at += 8;
        continue;
      }
      if (at + space > window.length) {
        if (at > 0) break;
        window = await this.#source.read(this.#offset, space, bounds.end);
        if (window.length < space) {
          // The file ends before the record does, although it is said to be longer.
          return this.#giveUpTo(bounds);
        }
      }
      this.#take(pieces, head, window, at);
      at += space;
    }
    this.#offset += at;
    return pieces;
  }

  #plausible(head: RecordHead, end: number, bounds: ScanBounds): boolean {
    return head.sequence >= this.#expected && head.sequence < bounds.limit && end <= bounds.end;
  }

  #take(pieces: Piece[], head: RecordHead, window: Buffer, at: number): void {
    const offset = this.#offset + at;
    if (head.sequence > this.#expected) {
      const from = this.#damageFrom ?? offset;
      pieces.push({ kind: 'lost', first: this.#expected, last: head.sequence - 1, from, to: offset });
    }
    const bytes = window.subarray(at + HEAD_BYTES, at + HEAD_BYTES + head.length);
    if (bytesMatch(head, bytes)) {
      const { sequence, timeMs, checksum } = head;
      pieces.push({
        kind: 'record',
        sequence,
        timeMs,
        checksum,
        bytes,
        end: offset + recordSpace(head.length),
      });
    } else {
      // The head holds, so we know whose bytes these are and where the next record begins.
      const from = offset + HEAD_BYTES;
      pieces.push({ kind: 'lost', first: head.sequence, last: head.sequence, from, to: from + head.length });
    }
    this.#expected = head.sequence + 1;
    this.#damageFrom = null;
  }

  #giveUpTo(bounds: ScanBounds): Piece[] {
    const from = this.#damageFrom ?? Math.min(this.#offset, bounds.end);
    const lost: LostRecords = {
      kind: 'lost',
      first: this.#expected,
      last: bounds.limit - 1,
      from,
      to: bounds.end,
    };
    this.#expected = bounds.limit;
    this.#offset = bounds.end;
    this.#damageFrom = null;
    return [lost];
  }
}
