import { setMaxListeners } from 'node:events';
import PQueue from 'p-queue';
import type pg from 'pg';
import { toError } from '../lib/errors.js';
import type { BackoffOptions } from '../lib/backoff.js';
import type { Spool, SpoolRecord } from '../spool/types.js';
import { Wariness } from '../store/write/events.js';
import { foldBatches } from '../store/write/spools.js';
import { Batcher } from './batcher.js';
import { deliver, type DeliveryContext } from './delivery.js';
import type { Ledger } from './ledger.js';
import { type DrainObserver, UNOBSERVED } from './observer.js';

export interface SessionOptions {
  readonly batchMaxEvents: number;
  readonly batchMaxWaitMs: number;
  /** Batches in the database's hands at once, at least 1; those in trouble not counted. */
  readonly concurrency: number;
  /** Waits between the attempts at one batch. */
  readonly retry?: BackoffOptions;
  readonly observer?: DrainObserver;
}

export interface SessionEvents {
  readonly failed: (error: unknown) => void;
  readonly committed: () => void;
}

const RETRY: BackoffOptions = { firstMs: 50, maxMs: 2_000 };
const BATCH_MAX_BYTES = 4 * 1024 * 1024;
/** Batches in trouble that others may overtake; with more of them the drain waits. */
const MAX_ASIDE = 8;
/** Batches are folded into sums after so many commits, so that a recovery after a year still reads few rows. */
const FOLD_EVERY_COMMITS = 10_000;

/** Cuts batches from the spool and has them delivered, several at once, under one epoch of the spool. */
export class Session {
  readonly #batcher: Batcher;
  readonly #queue: PQueue;
  readonly #ending = new AbortController();
  readonly #context: Omit<DeliveryContext, 'stepAside'>;
  #aside = 0;
  #failure: Error | undefined;

  constructor(
    private readonly spool: Spool,
    private readonly pool: pg.Pool,
    ledger: Ledger,
    epoch: number,
    private readonly options: SessionOptions,
    private readonly events: SessionEvents,
  ) {
    const { batchMaxEvents: maxEvents, batchMaxWaitMs: maxWaitMs, concurrency, retry = RETRY } = options;
    const { observer = UNOBSERVED } = options;
    this.#batcher = new Batcher(spool.reader(0), { maxEvents, maxWaitMs, maxBytes: BATCH_MAX_BYTES });
    this.#queue = new PQueue({ concurrency });
    // One for each batch that waits to be tried again.
    setMaxListeners(0, this.#ending.signal);
    this.#context = {
      pool,
      epoch,
      retry,
      wariness: new Wariness(),
      observer,
      spoolId: spool.id,
      signal: this.#ending.signal,
      failed: events.failed,
      commits: () => ledger.commits,
      settle: (records, outcomes) => {
        ledger.committed(records, outcomes);
        events.committed();
        if (ledger.commits % FOLD_EVERY_COMMITS === 0) this.#fold();
      },
    };
  }

  flush(): void {
    this.#batcher.flush();
  }

  /** Nothing new is begun; `run` resolves once what is in the database's hands is finished. */
  end(): void {
    this.#ending.abort();
    this.#batcher.close();
    this.#queue.clear();
  }

  /**
   * Runs until ended, or until a batch or the spool makes it impossible to go on.
   * @throws FencedError, or what reading the spool throws
   */
  async run(): Promise<void> {
    try {
      for (let cut = await this.#batcher.next(); cut !== null; cut = await this.#batcher.next()) {
        const { records } = cut;
        this.#context.observer.cut(records.length, cut.cause);
        this.#queue
          .add(() => this.#deliver(records))
          .catch((error: unknown) => {
            this.#failure ??= toError(error);
            this.end();
          });
        // One batch is cut ahead of those in the database's hands, no more: the spool is where events wait.
        await this.#queue.onSizeLessThan(1);
      }
    } finally {
      await this.#queue.onIdle();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #deliver(records: readonly SpoolRecord[]): Promise<void> {
    const place = { isAside: false };
    const stepAside = (): void => {
      if (place.isAside || this.#aside >= MAX_ASIDE) return;
      place.isAside = true;
      this.#setAside(this.#aside + 1);
    };
    try {
      await deliver(records, { ...this.#context, stepAside });
    } finally {
      if (place.isAside) this.#setAside(this.#aside - 1);
    }
  }

  #setAside(count: number): void {
    this.#aside = count;
    this.#queue.concurrency = this.options.concurrency + count;
  }

  #fold(): void {
    foldBatches(this.pool, this.spool.id, this.spool.firstHeld).catch(this.events.failed);
  }
}
