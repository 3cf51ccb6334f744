import type pg from 'pg';
import { Backoff, sleep } from '../lib/backoff.js';
import { settlesWithin } from '../lib/deadline.js';
import type { Logger } from '../observe/logger.js';
import { Attachment } from './attachment.js';
import { type ConnectionTarget, createPool } from './database.js';
import { classify, inWords } from './errors.js';
import { migrate } from './migrate.js';
import type { CallWithHistory } from './read/call.js';
import type { CallsQuestion, ViewRow } from './read/calls.js';
import type { ExportQuestion, OpenExport } from './read/export/export.js';
import type { Statistics, StatisticsQuestion } from './read/statistics/statistics.js';
import { Readers } from './readers.js';
import { StoreUnavailableError, UnusableDatabaseError } from './refusals.js';

export interface StoreOptions {
  /** Where PostgreSQL is, once it can be told; asked again when it rejects. */
  readonly locate: () => Promise<ConnectionTarget>;
  /** Where the schema is brought up to date; undefined: where everything else is done. */
  readonly migrateAt?: ConnectionTarget | undefined;
  /** Connections for batches; reads have their own, so that neither starves the other. */
  readonly drainConnections: number;
  readonly log: Logger;
}

export interface StoreListener {
  /** Once, when the schema is up to date. */
  readonly ready: (store: ReadyStore) => void;
  /** Instead, and then the store has given up. */
  readonly unusable: (error: UnusableDatabaseError) => void;
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

  /** Begins to look for PostgreSQL. */
  start(listener: StoreListener): void {
    this.#running ??= this.#run(listener);
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

  async #run(listener: StoreListener): Promise<void> {
    const backoff = new Backoff({ firstMs: 100, maxMs: 2_000 });
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const target = await this.options.locate();
        await this.#attached(target, async (attachment) => {
          await this.#migrate(this.options.migrateAt ?? target);
          if (signal.aborted) return;
          const { readers, ...pools } = this.#openPools(target);
          this.#readers = readers;
          this.#state = 'up';
          listener.ready({ ...pools, target, isPooled: attachment.isPooled });
          await this.#watch(attachment, signal);
        });
        return;
      } catch (error) {
        this.#failed(error, 'PostgreSQL is not ready yet; events wait on the spool');
        if (error instanceof UnusableDatabaseError) {
          listener.unusable(error);
          return;
        }
        await backoff.wait(signal);
      }
    }
  }

  /** Does the work attached to the database, over a connection of its own: readers that take all of theirs are no sign that PostgreSQL is away. */
  async #attached(target: ConnectionTarget, work: (attachment: Attachment) => Promise<void>): Promise<void> {
    const pool = this.#pool(target, { name: 'probe', max: 1, statementTimeoutMs: READ_TIMEOUT_MS });
    const attachment = new Attachment(pool);
    try {
      await attachment.check();
      await work(attachment);
    } finally {
      attachment.end();
      await this.#end(pool);
    }
  }

  async #migrate(target: ConnectionTarget): Promise<void> {
    const pool = this.#pool(target, { name: 'migrate', max: 1, statementTimeoutMs: 0 });
    try {
      await migrate(pool);
    } finally {
      await this.#end(pool);
    }
  }

  #openPools(target: ConnectionTarget) {
    const { drainConnections } = this.options;
    const reading = { statementTimeoutMs: READ_TIMEOUT_MS, noticesLeaving: true };
    // An export takes as long as its reader takes, and a table is copied into a backup for as long as it takes.
    const unlimited = { statementTimeoutMs: 0, noticesLeaving: true };
    return {
      drainPool: this.#pool(target, {
        name: 'drain',
        max: drainConnections,
        statementTimeoutMs: DRAIN_TIMEOUT_MS,
      }),
      upkeepPool: this.#pool(target, { name: 'upkeep', max: UPKEEP_CONNECTIONS, ...unlimited }),
      readers: new Readers({
        calls: this.#pool(target, { name: 'read', max: READ_CONNECTIONS, ...reading }),
        statistics: this.#pool(target, { name: 'statistics', max: STATISTICS_CONNECTIONS, ...reading }),
        exports: this.#pool(target, { name: 'export', max: EXPORT_CONNECTIONS, ...unlimited }),
      }),
    };
  }

  /** Notices when PostgreSQL goes and when it comes back, for those who ask for the state. */
  async #watch(attachment: Attachment, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#serverVersion = await attachment.check();
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

  async #end(pool: pg.Pool): Promise<void> {
    this.#pools.splice(
      this.#pools.findIndex((named) => named.pool === pool),
      1,
    );
    if (!pool.ending) await pool.end();
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
  /** A pooler stands between. */
  readonly isPooled: boolean;
}
