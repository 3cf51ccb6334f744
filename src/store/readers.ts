import type pg from 'pg';
import { toError } from '../lib/errors.js';
import { SingleFlight } from '../lib/single-flight.js';
import { classify, inWords, isUnavailable } from './errors.js';
import { type CallWithHistory, readCall } from './read/call.js';
import { type CallsQuestion, readCalls, type ViewRow } from './read/calls.js';
import { ReadError } from './read/errors.js';
import { type ExportQuestion, Exports, type OpenExport } from './read/export/export.js';
import { readStatistics, type Statistics, type StatisticsQuestion } from './read/statistics/statistics.js';
import { QueryQueue } from './query-queue.js';
import { QuestionTooSlowError, StoreBusyError, StoreUnavailableError } from './refusals.js';

/** Each kind of reader has connections of its own, so that slow statistics or exports never hold up a look at a call. */
export interface ReadPools {
  readonly calls: pg.Pool;
  readonly statistics: pg.Pool;
  readonly exports: pg.Pool;
}

/**
 * Questions to PostgreSQL. Each takes a signal that ends its query when nobody waits for it any more.
 * All throw StoreUnavailableError, StoreBusyError, QuestionTooSlowError, and the reason of the signal.
 */
export class Readers {
  readonly #exports: Exports;
  readonly #statisticsQueue: QueryQueue;
  readonly #sameStatistics = new SingleFlight<Statistics>();

  constructor(private readonly pools: ReadPools) {
    this.#exports = new Exports(pools.exports);
    this.#statisticsQueue = new QueryQueue({
      concurrency: pools.statistics.options.max,
      maxWaiting: MAX_STATISTICS_WAITING,
      maxWaitMs: MAX_STATISTICS_WAIT_MS,
    });
  }

  get statisticsWaiting(): number {
    return this.#statisticsQueue.waiting;
  }

  call(callId: string): Promise<CallWithHistory | null> {
    return this.#ask('calls', (pool) => readCall(pool, callId));
  }

  calls(question: CallsQuestion, signal?: AbortSignal): Promise<ViewRow[]> {
    return this.#ask('calls', (pool) => readCalls(pool, question, signal), signal);
  }

  /**
   * The same question asked again while it is under way gets the same answer, also when it waits for its turn.
   * @throws UnknownTimeZoneError
   */
  statistics(question: StatisticsQuestion, signal?: AbortSignal): Promise<Statistics> {
    return this.#sameStatistics.run(
      JSON.stringify(question),
      (abandoned) => this.#statisticsQueue.run(() => this.#readStatistics(question, abandoned), abandoned),
      signal,
    );
  }

  /** @throws ExportsBusyError */
  openExport(question: ExportQuestion, signal?: AbortSignal): Promise<OpenExport> {
    return this.#ask('exports', () => this.#exports.open(question, signal), signal);
  }

  /** An export takes as long as its reader, for whom nothing waits when the service stops. */
  close(): void {
    this.#exports.close();
  }

  async #readStatistics(question: StatisticsQuestion, signal: AbortSignal): Promise<Statistics> {
    // Where no connection can be had, those in the queue would try in vain one after the other, for seconds each.
    await this.#ask('statistics', connectOnce).catch((error: unknown) => {
      this.#statisticsQueue.rejectWaiting(toError(error));
      throw error;
    });
    return this.#ask('statistics', (pool) => readStatistics(pool, question, signal), signal);
  }

  async #ask<T>(
    kind: keyof ReadPools,
    work: (pool: pg.Pool) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const pool = this.pools[kind];
    try {
      return await work(pool);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ReadError) throw error;
      const classified = classify(error);
      // Without what drizzle adds, SQL and parameters, which must not reach a log.
      const reason = new Error(inWords(classified));
      if (classified.code === QUERY_CANCELED) throw new QuestionTooSlowError(reason);
      if (classified.label === 'timeout' && isTaken(pool)) throw new StoreBusyError(reason);
      if (isUnavailable(classified)) throw new StoreUnavailableError(reason);
      throw reason;
    }
  }
}

/** How many different questions may wait for their turn, and for how long. */
const MAX_STATISTICS_WAITING = 500;
const MAX_STATISTICS_WAIT_MS = 20_000;

/** Leaves a connection idle in the pool. */
async function connectOnce(pool: pg.Pool): Promise<void> {
  (await pool.connect()).release();
}

/** Whether it is others' questions that one has to wait for. */
function isTaken(pool: pg.Pool): boolean {
  return pool.totalCount >= pool.options.max && pool.idleCount === 0;
}

/** SQLSTATE of a statement that ran into its time limit. */
const QUERY_CANCELED = '57014';
