import type pg from 'pg';
import { classify, inWords, isUnavailable } from './errors.js';
import { type CallWithHistory, readCall } from './read/call.js';
import { type CallsQuestion, readCalls, type ViewRow } from './read/calls.js';
import { ReadError } from './read/errors.js';
import { type ExportQuestion, Exports, type OpenExport } from './read/export/export.js';
import { readStatistics, type Statistics, type StatisticsQuestion } from './read/statistics/statistics.js';
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

  constructor(private readonly pools: ReadPools) {
    this.#exports = new Exports(pools.exports);
  }

  call(callId: string): Promise<CallWithHistory | null> {
    return this.#ask('calls', (pool) => readCall(pool, callId));
  }

  calls(question: CallsQuestion, signal?: AbortSignal): Promise<ViewRow[]> {
    return this.#ask('calls', (pool) => readCalls(pool, question, signal), signal);
  }

  /** @throws UnknownTimeZoneError */
  statistics(question: StatisticsQuestion, signal?: AbortSignal): Promise<Statistics> {
    return this.#ask('statistics', (pool) => readStatistics(pool, question, signal), signal);
  }

  /** @throws ExportsBusyError */
  openExport(question: ExportQuestion, signal?: AbortSignal): Promise<OpenExport> {
    return this.#ask('exports', () => this.#exports.open(question, signal), signal);
  }

  /** An export takes as long as its reader, for whom nothing waits when the service stops. */
  close(): void {
    this.#exports.close();
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

/** Whether it is others' questions that one has to wait for. */
function isTaken(pool: pg.Pool): boolean {
  return pool.totalCount >= pool.options.max && pool.idleCount === 0;
}

/** SQLSTATE of a statement that ran into its time limit. */
const QUERY_CANCELED = '57014';
