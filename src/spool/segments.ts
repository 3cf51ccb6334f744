import type { Segment } from './segment.js';

/** The segments that exist, by ascending base, with their totals. */
export class Segments {
  readonly #list: Segment[] = [];
  // Each of these is the sum over #list, kept so that stats() costs nothing at any number of segments.
  #spooled = 0;
  #bytes = 0;
  /** Records ever synced in this directory, under whatever id. */
  acceptedEver: number;
  /** The highest synced sequence; stays when the segment that held it is removed. */
  syncedThrough: number;

  constructor(list: readonly Segment[], acceptedEver: number, nextBase: number) {
    this.acceptedEver = acceptedEver;
    const last = list.findLast((segment) => segment.count > 0);
    this.syncedThrough = last ? last.end - 1 : nextBase - 1;
    for (const segment of list) this.add(segment);
  }

  get spooled(): number {
    return this.#spooled;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get newest(): Segment | undefined {
    return this.#list.at(-1);
  }

  /** Undefined only before the first segment exists. */
  get oldest(): Segment | undefined {
    return this.#list[0];
  }

  add(segment: Segment): void {
    this.#list.push(segment);
    this.#spooled += segment.spooled;
    this.#bytes += segment.fileBytes;
  }

  /** The newest segment has been written to and synced up to `dataEnd`. */
  grew(segment: Segment, records: number, dataEnd: number): void {
    segment.count += records;
    segment.dataEnd = dataEnd;
    this.#spooled += records;
    this.acceptedEver += records;
    this.syncedThrough = segment.end - 1;
    this.resized(segment, dataEnd);
  }

  resized(segment: Segment, fileBytes: number): void {
    this.#bytes += fileBytes - segment.fileBytes;
    segment.fileBytes = fileBytes;
  }

  /** Returns how many records this released that were not released before. */
  release(first: number, last: number): number {
    let released = 0;
    for (const segment of this.#list) {
      if (segment.base > last) break;
      released += segment.released.add(Math.max(first, segment.base), Math.min(last, segment.end - 1));
    }
    this.#spooled -= released;
    return released;
  }

  /** The first segment with an unreleased record beyond `after`. */
  firstBeyond(after: number): Segment | undefined {
    return this.#list.find(
      (segment) =>
        segment.end > after + 1 &&
        segment.released.nextMissing(Math.max(segment.base, after + 1)) < segment.end,
    );
  }

  /** The lowest unreleased sequence. */
  oldestSpooled(): number | undefined {
    const segment = this.#list.find((candidate) => candidate.spooled > 0);
    return segment?.released.nextMissing(segment.base);
  }

  /**
   * A segment whose file can go: nothing in it is wanted, it is not the newest (whose name holds what sequences were
   * used), and what it says about its predecessor's number of records is also in the predecessor's seal.
   */
  removable(): Segment | undefined {
    return this.#list.find((segment, index) => {
      const before = this.#list[index - 1];
      return segment.spooled === 0 && segment !== this.newest && (!before || before.sealed);
    });
  }

  remove(segment: Segment): void {
    const index = this.#list.indexOf(segment);
    if (index < 0) return;
    this.#list.splice(index, 1);
    this.#spooled -= segment.spooled;
    this.#bytes -= segment.fileBytes;
  }
}
