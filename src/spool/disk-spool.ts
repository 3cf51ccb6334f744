import { Bell } from '../lib/bell.js';
import { SpoolClosedError } from './errors.js';
import type { Ages } from './ages.js';
import { DiskReader } from './reader.js';
import { Reclaimer } from './reclaimer.js';
import type { Recovered } from './recovery.js';
import { TailCache } from './tail-cache.js';
import type { AppendReceipt, Spool, SpoolReader, SpoolStats } from './types.js';
import { Writer } from './writer.js';
import type { WriterSurroundings } from './writer.js';

const CACHE_BYTES = 8 * 1024 * 1024;

type DiskSpoolOptions = Pick<
  WriterSurroundings,
  'files' | 'directory' | 'maxBytes' | 'segmentBytes' | 'diskReserveBytes' | 'clock' | 'onFault' | 'onCommit'
>;

export interface DiskSpoolParts {
  readonly recovered: Recovered;
  readonly ages: Ages;
  readonly lock: { release(): Promise<void> };
}

/** The parts put together: writer, readers, and what they share. Opened by `openSpool`. */
export class DiskSpool implements Spool {
  readonly openedAt: number;
  readonly #options: DiskSpoolOptions;
  readonly #parts: DiskSpoolParts;
  readonly #cache = new TailCache(CACHE_BYTES);
  readonly #bell = new Bell();
  readonly #writer: Writer;
  #closing: Promise<void> | null = null;

  constructor(options: DiskSpoolOptions, parts: DiskSpoolParts) {
    const { recovered, ages } = parts;
    const { segments, identity, nextBase } = recovered;
    this.#options = options;
    this.#parts = parts;
    this.openedAt = nextBase;
    const reclaimer = new Reclaimer(options.files, options.directory, segments, options.onFault);
    const onSynced = () => {
      this.#bell.ring();
    };
    const shared = { ...options, segments, reclaimer, ages, cache: this.#cache, onSynced };
    this.#writer = new Writer(shared, identity, nextBase);
  }

  /** To be called once, first. */
  open(): Promise<void> {
    return this.#writer.open();
  }

  get id(): string {
    return this.#writer.identity.id;
  }

  get syncedThrough(): number {
    return this.#parts.recovered.segments.syncedThrough;
  }

  get firstUnreleased(): number {
    return this.#parts.recovered.segments.oldestSpooled() ?? this.syncedThrough + 1;
  }

  get firstHeld(): number {
    return this.#parts.recovered.segments.oldest?.base ?? this.openedAt;
  }

  append(records: readonly Uint8Array[]): Promise<AppendReceipt> {
    return this.#writer.append(records);
  }

  reader(after: number): SpoolReader {
    const { files, onFault } = this.#options;
    const { recovered, ages } = this.#parts;
    const shared = {
      files,
      onFault,
      ages,
      segments: recovered.segments,
      cache: this.#cache,
      bell: this.#bell,
    };
    return new DiskReader({ ...shared, closed: () => this.#closing !== null }, after);
  }

  release(first: number, last: number): void {
    if (this.#closing) return;
    this.#parts.recovered.segments.release(first, last);
    this.#writer.released();
  }

  stats(): SpoolStats {
    const { segments } = this.#parts.recovered;
    const { identity, lastError } = this.#writer;
    const oldest = segments.oldestSpooled();
    const oldestMs = oldest === undefined ? undefined : this.#parts.ages.of(oldest);
    return {
      id: identity.id,
      accepted: segments.acceptedEver - identity.uncounted,
      spooled: segments.spooled,
      bytes: segments.bytes,
      limitBytes: this.#options.maxBytes,
      oldestAgeS: oldestMs === undefined ? null : Math.max(0, (this.#options.clock() - oldestMs) / 1000),
      state: this.#state(),
      lastError: lastError?.message ?? null,
      lastErrorAtMs: lastError?.atMs ?? null,
    };
  }

  renew(): Promise<void> {
    return this.#writer.renew();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #state(): SpoolStats['state'] {
    if (this.#closing) return 'closed';
    if (this.#writer.failed) return 'failed';
    return this.#writer.full ? 'full' : 'open';
  }

  async #close(): Promise<void> {
    await this.#writer.close();
    this.#bell.close(new SpoolClosedError());
    await this.#parts.lock.release();
  }
}
