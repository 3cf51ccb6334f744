import { join } from 'node:path';
import { IntervalSet } from '../lib/interval-set.js';
import { HEADER_BYTES } from './header.js';
import type { SegmentHeader } from './header.js';

/** At most this many records in a segment, and at least this far from the newest base to that of a new opening. */
export const MAX_SEGMENT_RECORDS = 2 ** 20;

/** A reader that comes again with a backoff of up to two seconds spends about a minute on so many. */
export const READ_ATTEMPTS = 30;

/** What is known in memory of one segment file. */
export class Segment {
  readonly base: number;
  readonly path: string;
  /** Null when neither a copy of the header nor the seal could be read. */
  readonly header: SegmentHeader | null;
  /** Synced records. Grows only while this is the segment being written. */
  count: number;
  /** Synced bytes of header and records; not the seal. */
  dataEnd: number;
  /** Size of the file. */
  fileBytes: number;
  /** True when a valid seal with `count` is on disk. */
  sealed: boolean;
  /** True when the disk does not yield some of it, and that is taken for damage: the file is then kept for a human. */
  isUnreadable = false;
  readonly released = new IntervalSet();
  // By offset: how often the piece there could not be read.
  readonly #failedReads = new Map<number, number>();

  constructor(
    directory: string,
    state: Pick<Segment, 'base' | 'header' | 'count' | 'dataEnd' | 'fileBytes' | 'sealed'>,
  ) {
    this.base = state.base;
    this.path = join(directory, segmentName(state.base));
    this.header = state.header;
    this.count = state.count;
    this.dataEnd = state.dataEnd;
    this.fileBytes = state.fileBytes;
    this.sealed = state.sealed;
  }

  /** The first sequence after its records. */
  get end(): number {
    return this.base + this.count;
  }

  /** Records not released. */
  get spooled(): number {
    return this.count - this.released.size;
  }

  /** To be called when the piece at this offset could not be read; true once that has happened too often to go on waiting. */
  failedToRead(offset: number): boolean {
    const times = (this.#failedReads.get(offset) ?? 0) + 1;
    this.#failedReads.set(offset, times);
    return times >= READ_ATTEMPTS;
  }

  /** Where a scan starts: of a segment without a header everything is damage, from the first byte. */
  get scanFrom(): number {
    return this.header ? HEADER_BYTES : 0;
  }
}

export function segmentName(base: number): string {
  return `${String(base).padStart(16, '0')}.seg`;
}

/** The base in a segment's name; undefined when the name is not one of ours. */
export function baseOfName(name: string, suffix: '.seg' | '.bad'): number | undefined {
  const digits = name.slice(0, -suffix.length);
  if (!name.endsWith(suffix) || !/^\d{16}$/.test(digits)) return undefined;
  const base = Number(digits);
  return Number.isSafeInteger(base) ? base : undefined;
}
