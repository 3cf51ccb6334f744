import type pg from 'pg';
import { Backoff } from '../lib/backoff.js';
import { settlesWithin } from '../lib/deadline.js';
import type { Logger } from '../observe/logger.js';
import type { Spool } from '../spool/types.js';
import { classify } from '../store/errors.js';
import type { Outcome, OutcomeCounts } from '../store/write/outcome.js';
import { Ledger } from './ledger.js';
import { recover } from './recovery.js';
import { Session, type SessionOptions } from './session.js';

/** `concurrency` 0: paused; nothing is drained, but what is stored is known. */
export type DrainOptions = SessionOptions;

/**
 * idle        not started: the database is not there yet
 * recovering  asks the database what is stored already
 * running     nothing is in the way
 * retrying    the last attempt failed; tries on by itself
 * paused      DRAIN_CONCURRENCY is 0
 * stopped     for good
 */
export type DrainState = 'idle' | 'recovering' | 'running' | 'retrying' | 'paused' | 'stopped';

export interface DrainFailure {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly label: string;
  readonly code: string | undefined;
  readonly message: string;
}

const LOG_FAILURE_EVERY_MS = 10_000;

/**
 * Carries records from the spool into the store: asks the database what it holds (recovery), then drains in a session.
 * A session that is fenced off, or that cannot read the spool, ends, and everything begins again with the recovery.
 */
export class Drain {
  readonly #ledger: Ledger;
  readonly #stopping = new AbortController();
  #session: Session | undefined;
  #running: Promise<void> | undefined;
  #state: DrainState = 'idle';
  #lastFailure: DrainFailure | null = null;
  /** Nobody is told any more what became of records. */
  #isDismissed = false;
  #lastFailureLoggedAt = -Infinity;

  constructor(
    private readonly spool: Spool,
    private readonly options: DrainOptions,
    private readonly log: Logger,
  ) {
    this.#ledger = new Ledger(spool);
  }

  get state(): DrainState {
    return this.#state;
  }

  /** Why it failed the last time; null again once a batch has been committed. */
  get lastFailure(): DrainFailure | null {
    return this.#lastFailure;
  }

  /** Null until the database has told what was stored before. To be read in one tick with the spool's numbers. */
  get totals(): Readonly<OutcomeCounts> | null {
    return this.#ledger.totals;
  }

  /** Begins to drain into this database, which has to be migrated. Later calls change nothing. */
  start(pool: pg.Pool): void {
    if (!this.#stopping.signal.aborted) this.#running ??= this.#run(pool);
  }

  /** Finishes what is in the database's hands and leaves the rest on the spool; resolves at the deadline at the latest. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    this.#session?.end();
    const inTime = await settlesWithin(this.#running ?? Promise.resolve(), deadlineMs);
    if (!inTime)
      this.log.warn({ deadlineMs }, 'the drain did not finish in time; what it held stays on the spool');
    this.#state = 'stopped';
    this.dismiss();
  }

  /** Whoever waits for outcomes or for a flush hears at once that it takes too long, so that the door can close. */
  dismiss(): void {
    this.#isDismissed = true;
    this.#ledger.close();
  }

  /** See Ledger.watch. */
  outcomes(first: number, count: number, withinMs: number): Promise<readonly Outcome[] | null> {
    return this.#ledger.watch(first, count, withinMs);
  }

  /** Resolves with true once everything synced before the call is settled, with false after `timeoutMs` or when dismissed. */
  async flush(timeoutMs: number): Promise<boolean> {
    const through = this.spool.syncedThrough;
    const deadline = Date.now() + timeoutMs;
    while (this.#ledger.totals === null || this.spool.firstUnreleased <= through) {
      this.#session?.flush();
      if (this.#isDismissed) return false;
      if (!(await settlesWithin(this.#ledger.changed, deadline - Date.now()))) return false;
    }
    return true;
  }

  async #run(pool: pg.Pool): Promise<void> {
    const backoff = new Backoff({ firstMs: 50, maxMs: 2_000 });
    while (!this.#stopping.signal.aborted) {
      const commitsBefore = this.#ledger.commits;
      try {
        this.#enter('recovering');
        const recovered = await recover(this.spool, pool, this.#ledger.commits === 0);
        if (recovered.renewed !== null) {
          this.log.warn({ spool: this.spool.id, reason: recovered.renewed }, 'the spool took a new identity');
        }
        this.#ledger.recovered(recovered);
        await this.#drain(pool, recovered.epoch);
      } catch (error) {
        this.#failed(error);
        // Longer and longer only while nothing is achieved in between.
        if (this.#ledger.commits > commitsBefore) backoff.reset();
        await backoff.wait(this.#stopping.signal);
      }
    }
  }

  async #drain(pool: pg.Pool, epoch: number): Promise<void> {
    if (this.options.concurrency === 0) {
      this.#enter('paused');
      await aborted(this.#stopping.signal);
      return;
    }
    this.#session = new Session(this.spool, pool, this.#ledger, epoch, this.options, {
      failed: (error) => {
        this.#failed(error);
      },
      committed: () => {
        this.#lastFailure = null;
        this.#enter('running');
      },
    });
    this.#enter('running');
    try {
      if (!this.#stopping.signal.aborted) await this.#session.run();
    } finally {
      this.#session = undefined;
    }
  }

  #enter(state: DrainState): void {
    if (this.#state !== 'stopped') this.#state = state;
  }

  #failed(thrown: unknown): void {
    const { kind, label, code, message } = classify(thrown);
    const at = Date.now();
    this.#lastFailure = { at, label, code, message };
    this.options.observer?.failed(label);
    this.#enter('retrying');
    // An outage of an hour is one fact, not a thousand lines.
    if (at - this.#lastFailureLoggedAt < LOG_FAILURE_EVERY_MS) return;
    this.#lastFailureLoggedAt = at;
    // A refusal of data quotes the data, which is nobody's business who reads logs; the dead letter has the message.
    const told = kind === 'data' ? {} : { message };
    this.log.warn({ kind, label, code, ...told }, 'the drain failed to store a batch and goes on trying');
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
    if (signal.aborted) resolve();
  });
}
