import { crc32 } from 'node:zlib';
import type { Bell } from '../lib/bell.js';
import { messageOf } from '../lib/errors.js';
import type { Ages } from './ages.js';
import { SpoolClosedError } from './errors.js';
import type { SpoolFiles } from './files.js';
import { SegmentScanner } from './scanner.js';
import type { ByteSource, LostRecords, Piece } from './scanner.js';
import { READ_ATTEMPTS } from './segment.js';
import type { Segment } from './segment.js';
import type { Segments } from './segments.js';
import { CHUNK_BYTES, segmentSource } from './source.js';
import type { TailCache } from './tail-cache.js';
import type { OnFault, SpoolReader, SpoolRecord } from './types.js';

/** At most so much of damaged bytes is handed out. */
const MAX_DAMAGE_BYTES = 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/** What all readers of a spool look at. */
export interface ReaderSurroundings {
  readonly files: SpoolFiles;
  readonly segments: Segments;
  readonly cache: TailCache;
  readonly ages: Ages;
  /** Rings when more is synced; closed with the spool. */
  readonly bell: Bell;
  readonly onFault: OnFault;
  readonly closed: () => boolean;
}

interface Upcoming {
  readonly piece: Piece;
  readonly sequence: number;
  /** Base of the segment it is in. */
  readonly segment: number;
}

export class DiskReader implements SpoolReader {
  // Every sequence up to this one has been handed out by this reader, or is released, or was never given to a record.
  #after: number;
  #position: { readonly segment: Segment; readonly scanner: SegmentScanner } | null = null;
  // Read and not yet handed out, from #at on; all of #position's segment.
  #pieces: Piece[] = [];
  #at = 0;
  // Calls of next() run one after the other, in the order they were made.
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly spool: ReaderSurroundings,
    after: number,
  ) {
    this.#after = after;
  }

  next(limits: { maxRecords: number; maxBytes: number }): Promise<SpoolRecord[]> {
    const result = this.#turn.then(() => this.#next(limits));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async whenMore(signal: AbortSignal): Promise<void> {
    if (this.spool.closed()) throw new SpoolClosedError();
    while (this.spool.segments.syncedThrough <= this.#after) await this.spool.bell.wait(signal);
  }

  async #next(limits: { maxRecords: number; maxBytes: number }): Promise<SpoolRecord[]> {
    const records: SpoolRecord[] = [];
    let bytes = 0;
    while (records.length < limits.maxRecords) {
      if (this.spool.closed()) throw new SpoolClosedError();
      const found = await this.#upcoming();
      if (!found) break;
      const record =
        found.piece.kind === 'record' ? found.piece : await this.#damaged(found.piece, found.sequence);
      if (records.length > 0 && bytes + record.bytes.length > limits.maxBytes) break;
      this.#after = found.sequence;
      bytes += record.bytes.length;
      const { checksum } = record;
      records.push({
        sequence: found.sequence,
        segment: found.segment,
        bytes: record.bytes,
        checksum,
        corrupt: found.piece.kind === 'lost',
      });
    }
    return records;
  }

  /** The next unreleased sequence and the piece it is in, without taking it; reads on when it has to. */
  async #upcoming(): Promise<Upcoming | undefined> {
    for (;;) {
      const found = this.#amongRead();
      if (found) return found;
      const synced = this.spool.segments.syncedThrough;
      const segment = this.spool.segments.firstBeyond(this.#after);
      if (!segment) {
        this.#after = Math.max(this.#after, synced);
        return undefined;
      }
      if (this.#position?.segment !== segment) {
        const scanner = new SegmentScanner(
          this.#source(segment),
          segment.header?.salt ?? null,
          segment.scanFrom,
          segment.base,
        );
        this.#position = { segment, scanner };
      }
      const pieces = await this.#position.scanner.advance({ end: segment.dataEnd, limit: segment.end });
      if (!pieces) this.#position = null;
      this.#pieces = pieces ?? [];
      this.#at = 0;
      this.#report(segment);
    }
  }

  #amongRead(): Upcoming | undefined {
    const segment = this.#position?.segment;
    for (; this.#at < this.#pieces.length; this.#at++) {
      const piece = this.#pieces[this.#at];
      if (!piece || !segment) return undefined;
      const [first, last] =
        piece.kind === 'record' ? [piece.sequence, piece.sequence] : [piece.first, piece.last];
      const sequence = segment.released.nextMissing(Math.max(first, this.#after + 1));
      if (sequence <= last) return { piece, sequence, segment: segment.base };
    }
    return undefined;
  }

  /** The first sequence of a damaged run carries the bytes that lie there; the checksum is over all of them, handed out or not. */
  async #damaged(lost: LostRecords, sequence: number): Promise<{ bytes: Buffer; checksum: number }> {
    if (sequence !== lost.first || !this.#position) return { bytes: EMPTY, checksum: 0 };
    const { segment } = this.#position;
    // What cannot be read was waited for already; bytes that are damaged for another reason come out the same every time.
    const giveUp = () => segment.isUnreadable || !segment.header;
    const source = segmentSource(this.spool.files, segment.path, { giveUp });
    const kept: Buffer[] = [];
    let keptBytes = 0;
    let checksum = 0;
    for (let offset = lost.from; offset < lost.to;) {
      const chunk = await source.read(offset, 1, Math.min(lost.to, offset + CHUNK_BYTES));
      if (chunk.length === 0) break;
      checksum = crc32(chunk, checksum);
      const wanted = chunk.subarray(0, MAX_DAMAGE_BYTES - keptBytes);
      if (wanted.length > 0) kept.push(wanted);
      keptBytes += wanted.length;
      offset += chunk.length;
    }
    return { bytes: Buffer.concat(kept), checksum };
  }

  /** Of what the disk does not yield nothing is called lost before it was asked for many times. */
  #source(segment: Segment): ByteSource {
    return segmentSource(this.spool.files, segment.path, {
      cached: (offset) => this.spool.cache.find(segment, offset),
      giveUp: (offset) => segment.failedToRead(offset),
      onUnreadable: (offset, error) => {
        if (segment.isUnreadable) return;
        segment.isUnreadable = true;
        const message = `${segment.path} cannot be read at ${offset} and after: ${messageOf(error)}. After ${READ_ATTEMPTS} attempts what is missing is taken for damage; the file is kept as .bad`;
        this.spool.onFault({ kind: 'damage', message, error });
      },
    });
  }

  #report(segment: Segment): void {
    const first = this.#pieces[0];
    if (first?.kind === 'record') this.spool.ages.note(first.sequence, first.timeMs);
    for (const piece of this.#pieces) {
      if (piece.kind !== 'lost') continue;
      const message = `records ${piece.first} to ${piece.last} cannot be read (${segment.path}, bytes ${piece.from} to ${piece.to})`;
      this.spool.onFault({ kind: 'damage', message });
    }
  }
}
