import type pg from 'pg';
import { Backoff, sleep } from '../lib/backoff.js';
import { settlesWithin } from '../lib/deadline.js';
import type { Logger } from '../observe/logger.js';
import { type ConnectionTarget, createPool } from './database.js';
import { classify, inWords } from './errors.js';
import { migrate } from './migrate.js';
import type { CallWithHistory } from './read/call.js';
import type { CallsQuestion, ViewRow } from './read/calls.js';
import type { ExportQuestion, OpenExport } from './read/export/export.js';
import type { Statistics, StatisticsQuestion } from './read/statistics/statistics.js';
import { Readers } from './readers.js';
import { StoreUnavailableError } from './refusals.js';

export interface StoreOptions {
  /** Where PostgreSQL is, once it can be told; asked again when it rejects. */
  readonly locate: () => Promise<ConnectionTarget>;
  /** Connections for batches; reads have their own, so that neither starves the other. */
  readonly drainConnections: number;
  readonly log: Logger;
}

/**
 * starting  never ready so far: PostgreSQL is not there yet, or the schema is not up to date
 * up        answered the last time it was asked
 * down      was up, does not answer now
 * stopped   for good
 */
export type StoreState = 'starting' | 'up' | 'down' | 'stopped';

const READ_CONNECTIONS = 4;
const STATISTICS_CONNECTIONS = 2;
const EXPORT_CONNECTIONS = 2;
/** A run of upkeep takes two, and cleanup, backup and verification may run at once. */
const UPKEEP_CONNECTIONS = 8;
const READ_TIMEOUT_MS = 30_000;
/** A batch takes milliseconds; a connection that hangs without an answer is noticed after this. */
const DRAIN_TIMEOUT_MS = 30_000;
const PROBE_EVERY_MS = 5_000;

/** PostgreSQL as the service sees it: comes up beside the door in its own time, and is tried for as long as it takes. */
export class Store {
  readonly #stopping = new AbortController();
  readonly #pools: NamedPool[] = [];
  #readers: Readers | undefined;
  #running: Promise<void> | undefined;
  #state: StoreState = 'starting';
  #serverVersion: string | null = null;
  #lastError: string | null = null;

  constructor(private readonly options: StoreOptions) {}

  get state(): StoreState {
    return this.#state;
  }

  /** As PostgreSQL spells it, such as "18.4"; null before it was up. */
  get serverVersion(): string | null {
    return this.#serverVersion;
  }

  /** What was in the way the last time; null while it is up. */
  get lastError(): string | null {
    return this.#lastError;
  }

  /** What is made of the connections, pool by pool. */
  get pools(): PoolUse[] {
    return this.#pools.map(({ name, pool: { totalCount, idleCount, waitingCount, options } }) => ({
      name,
      max: options.max,
      used: totalCount - idleCount,
      idle: idleCount,
      waiting: name === 'statistics' ? (this.#readers?.statisticsWaiting ?? 0) : waitingCount,
    }));
  }

  /** Begins to look for PostgreSQL. `onReady` is called once, when the schema is up to date. */
  start(onReady: (ready: ReadyStore) => void): void {
    this.#running ??= this.#run(onReady);
  }

  /** Ends all connections; those still at work when the deadline passes are left to the end of the process. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping.abort();
    this.#state = 'stopped';
    this.#readers?.close();
    await settlesWithin(
      Promise.all([this.#running, ...this.#pools.map(({ pool }) => pool.end())]),
      deadlineMs,
    );
  }

  // What may be asked, and thrown, is told by Readers.

  async call(callId: string): Promise<CallWithHistory | null> {
    return this.#answering().call(callId);
  }

  async calls(question: CallsQuestion, signal?: AbortSignal): Promise<ViewRow[]> {
    return this.#answering().calls(question, signal);
  }

  async statistics(question: StatisticsQuestion, signal?: AbortSignal): Promise<Statistics> {
    return this.#answering().statistics(question, signal);
  }

  async openExport(question: ExportQuestion, signal?: AbortSignal): Promise<OpenExport> {
    return this.#answering().openExport(question, signal);
  }

  /** @throws StoreUnavailableError before PostgreSQL was there for the first time */
  #answering(): Readers {
    if (this.#readers === undefined) throw new StoreUnavailableError();
    return this.#readers;
  }

  async #run(onReady: (ready: ReadyStore) => void): Promise<void> {
    const backoff = new Backoff({ firstMs: 100, maxMs: 2_000 });
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const target = await this.options.locate();
        await this.#migrate(target);
        if (this.#state === 'stopped') return;
        const { drainConnections } = this.options;
        const drainPool = this.#pool(target, {
          name: 'drain',
          max: drainConnections,
          statementTimeoutMs: DRAIN_TIMEOUT_MS,
        });
        const calls = this.#pool(target, {
          name: 'read',
          max: READ_CONNECTIONS,
          statementTimeoutMs: READ_TIMEOUT_MS,
          noticesLeaving: true,
        });
        const statistics = this.#pool(target, {
          name: 'statistics',
          max: STATISTICS_CONNECTIONS,
          statementTimeoutMs: READ_TIMEOUT_MS,
          noticesLeaving: true,
        });
        // Without a time limit: an export takes as long as its reader takes.
        const exports = this.#pool(target, {
          name: 'export',
          max: EXPORT_CONNECTIONS,
          statementTimeoutMs: 0,
          noticesLeaving: true,
        });
        // Without a time limit: a table is copied into a backup for as long as it takes.
        const upkeepPool = this.#pool(target, {
          name: 'upkeep',
          max: UPKEEP_CONNECTIONS,
          statementTimeoutMs: 0,
          noticesLeaving: true,
        });
        // A connection of its own: readers that take all of theirs are no sign that PostgreSQL is away.
        const probe = this.#pool(target, { name: 'probe', max: 1, statementTimeoutMs: READ_TIMEOUT_MS });
        this.#readers = new Readers({ calls, statistics, exports });
        this.#state = 'up';
        onReady({ drainPool, upkeepPool, target });
        await this.#watch(probe, signal);
        return;
      } catch (error) {
        this.#failed(error, 'PostgreSQL is not ready yet; events wait on the spool');
        await backoff.wait(signal);
      }
    }
  }

  async #migrate(target: ConnectionTarget): Promise<void> {
    // Without a time limit: an index on a large table takes as long as it takes.
    const pool = this.#pool(target, { name: 'migrate', max: 1, statementTimeoutMs: 0 });
    try {
      await migrate(pool);
    } finally {
      this.#pools.splice(
        this.#pools.findIndex((named) => named.pool === pool),
        1,
      );
      await pool.end();
    }
  }

  /** Notices when PostgreSQL goes and when it comes back, for those who ask for the state. */
  async #watch(pool: pg.Pool, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const { rows } = await pool.query<{ server_version: string }>('show server_version');
        this.#serverVersion = rows[0]?.server_version ?? null;
        this.#lastError = null;
        if (this.#state === 'down') this.options.log.info('PostgreSQL answers again');
        this.#enter('up');
      } catch (error) {
        this.#enter('down');
        this.#failed(error, 'PostgreSQL does not answer; events wait on the spool');
      }
      await sleep(PROBE_EVERY_MS, signal);
    }
  }

  #pool(target: ConnectionTarget, options: Parameters<typeof createPool>[1]): pg.Pool {
    const pool = createPool(target, options, (error) => {
      this.options.log.debug({ pool: options.name, message: error.message }, 'an idle connection broke');
    });
    this.#pools.push({ name: options.name, pool });
    return pool;
  }

  #enter(state: StoreState): void {
    if (this.#state !== 'stopped') this.#state = state;
  }

  /** Says each new reason once. */
  #failed(thrown: unknown, message: string): void {
    if (this.#stopping.signal.aborted) return;
    const error = classify(thrown);
    const text = inWords(error);
    if (text !== this.#lastError) this.options.log.warn({ code: error.code, reason: error.message }, message);
    this.#lastError = text;
  }
}

interface NamedPool {
  readonly name: string;
  readonly pool: pg.Pool;
}

export interface PoolUse {
  readonly name: string;
  readonly max: number;
  /** Connections in somebody's hands. */
  readonly used: number;
  readonly idle: number;
  /** Questions that wait for a connection. */
  readonly waiting: number;
}

export interface ReadyStore {
  /** For batches. */
  readonly drainPool: pg.Pool;
  readonly upkeepPool: pg.Pool;
  readonly target: ConnectionTarget;
}
