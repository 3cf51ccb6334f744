import type { SpoolReader, SpoolRecord } from '../spool/types.js';

/**
 * Why a batch was closed: it is full, the next record is in another segment or not the next sequence, its oldest record
 * waited long enough, somebody flushes.
 */
export type CutCause = 'size' | 'gap' | 'age' | 'flush';

export interface CutBatch {
  /**
   * Never empty, every sequence from the first to the last (what lay between was not stored by an earlier batch), all of
   * one segment: so a range is on disk as a whole or gone as a whole.
   */
  readonly records: readonly SpoolRecord[];
  readonly cause: CutCause;
}

export interface BatcherOptions {
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** How long the first record of a batch waits for company. */
  readonly maxWaitMs: number;
}

/** Cuts the records of a spool into batches by count, bytes and age. One `next` at a time. */
export class Batcher {
  /** Records read and not yet handed out: the first of the next batch. */
  #ahead: readonly SpoolRecord[] = [];
  #flushing = false;
  #closed = false;
  /** Aborted to look again before the spool has more. */
  #wake = new AbortController();

  constructor(
    private readonly reader: SpoolReader,
    private readonly options: BatcherOptions,
  ) {}

  /** Cuts what is on the spool now without waiting for its age. */
  flush(): void {
    this.#flushing = true;
    this.#wake.abort();
  }

  /** Ends the `next` under way, and all later ones, with null. */
  close(): void {
    this.#closed = true;
    this.#wake.abort();
  }

  /** The next batch as soon as there is one; null once closed. */
  async next(): Promise<CutBatch | null> {
    const records: SpoolRecord[] = [];
    const oldest = { isDue: false };
    let timer: NodeJS.Timeout | undefined;
    try {
      while (!this.#closed) {
        // A flush that comes during the look is about records that the look may have missed.
        const wasFlushing = this.#flushing;
        const cause = await this.#gather(records);
        if (cause !== null) return { records, cause };
        if (records.length === 0) this.#flushing &&= !wasFlushing;
        else if (this.#flushing) return { records, cause: 'flush' };
        else if (oldest.isDue) return { records, cause: 'age' };
        else {
          timer ??= setTimeout(() => {
            oldest.isDue = true;
            this.#wake.abort();
          }, this.options.maxWaitMs);
        }
        await this.#moreOrWoken();
      }
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  async #moreOrWoken(): Promise<void> {
    const { signal } = this.#wake;
    try {
      await this.reader.whenMore(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
      this.#wake = new AbortController();
    }
  }

  /** Takes what there is into the batch; the cause when that closes it, null when there is room for more. */
  async #gather(records: SpoolRecord[]): Promise<CutCause | null> {
    const { maxEvents, maxBytes } = this.options;
    let bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
    for (;;) {
      if (this.#ahead.length === 0) {
        const limits = { maxRecords: maxEvents - records.length, maxBytes: maxBytes - bytes };
        this.#ahead = await this.reader.next(limits);
      }
      if (this.#ahead.length === 0) return null;
      for (const [index, record] of this.#ahead.entries()) {
        const last = records.at(-1);
        const isApart =
          last !== undefined && (record.segment !== last.segment || record.sequence !== last.sequence + 1);
        const isFull = records.length >= maxEvents || bytes >= maxBytes;
        if (isApart || isFull) {
          this.#ahead = this.#ahead.slice(index);
          return isApart ? 'gap' : 'size';
        }
        records.push(record);
        bytes += record.bytes.length;
      }
      this.#ahead = [];
      if (records.length >= maxEvents || bytes >= maxBytes) return 'size';
    }
  }
}
