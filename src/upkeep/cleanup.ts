/**
 * Retention. Deletes
 *   - calls sent and received before the cutoff, with all their clicks, results and state;
 *   - of calls that are not stored, clicks and results received before the cutoff; their state then says what is left.
 * What is exactly at the cutoff stays.
 *
 * Ingest goes on beside it: each transaction takes a few hundred calls (see cleanup/remove.ts for what it waits for),
 * and rests are made between them, so that a first run over years of history takes its time rather than the machine's.
 * A call that is stored again after it was deleted is an ordinary call.
 */
import type pg from 'pg';
import { Backoff } from '../lib/backoff.js';
import { errorCode } from '../lib/errors.js';
import type { UtcTime } from '../lib/time.js';
import { countExpired, expiredCalls, expiredOrphans } from './cleanup/find.js';
import { pace } from './cleanup/pace.js';
import {
  ContendedError,
  type Deleted,
  NOTHING,
  removeCalls,
  removeOrphanEvents,
  sumOf,
} from './cleanup/remove.js';

export interface CleanUpOptions {
  readonly cutoff: UtcTime;
  /** Counts what would be deleted, in one snapshot, and deletes nothing. */
  readonly dryRun: boolean;
  /** Aborted: ends between two transactions. */
  readonly signal: AbortSignal;
  /** Calls in one transaction. */
  readonly maxCalls?: number;
  /** After each statement that looks and each transaction, as a multiple of the time it took. */
  readonly rest?: number;
}

export interface CleanUpResult {
  readonly deleted: Deleted;
  /** Calls left to the next run, because events of theirs were being stored whenever it was their turn. */
  readonly postponed: number;
  /** The signal ended it; the next run goes on. */
  readonly stopped: boolean;
}

/** Thousands of rows with their clicks: some 100 ms in one transaction. */
const MAX_CALLS = 500;
/** A tenth of the time at work. */
const REST = 9;
const MAX_ATTEMPTS = 5;

/** @throws what PostgreSQL says, and what the way to it does; what was deleted until then stays deleted */
export async function cleanUp(pool: pg.Pool, options: CleanUpOptions): Promise<CleanUpResult> {
  const { cutoff, dryRun, signal, maxCalls = MAX_CALLS, rest = REST } = options;
  if (dryRun) return { deleted: await countExpired(pool, cutoff, signal), postponed: 0, stopped: false };

  let deleted = NOTHING;
  let postponed = 0;
  const paced = pace(rest, signal);
  const search = { pool, cutoff, maxCalls, signal, paced };
  const work = [
    [expiredCalls(search), removeCalls],
    // After the calls: what is stored of a call while it is deleted is an orphan.
    [expiredOrphans(search), removeOrphanEvents],
  ] as const;
  for (const [batches, remove] of work) {
    for await (const callIds of batches) {
      const done = await paced(() => persist(callIds, (ids) => remove(pool, cutoff, ids), signal));
      deleted = sumOf(deleted, done.deleted);
      postponed += done.postponed;
    }
  }
  return { deleted, postponed, stopped: signal.aborted };
}

/**
 * Removes the calls, however often it takes; call by call when they cannot be had together. A call that cannot be had
 * alone is left to the next run.
 */
async function persist(
  callIds: readonly string[],
  remove: (callIds: readonly string[]) => Promise<Deleted>,
  signal: AbortSignal,
): Promise<{ readonly deleted: Deleted; readonly postponed: number }> {
  const backoff = new Backoff({ firstMs: 20, maxMs: 500 });
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      return { deleted: await remove(callIds), postponed: 0 };
    } catch (error) {
      const isContended = error instanceof ContendedError || errorCode(error) === LOCK_NOT_AVAILABLE;
      if (!isContended && !ROLLED_BACK.has(errorCode(error))) throw error;
      if (attempt === MAX_ATTEMPTS) {
        if (!isContended) throw error;
        break;
      }
    }
    await backoff.wait(signal);
  }
  if (callIds.length === 1) return { deleted: NOTHING, postponed: signal.aborted ? 0 : 1 };

  let deleted = NOTHING;
  let postponed = 0;
  for (const callId of callIds) {
    const done = await persist([callId], remove, signal);
    deleted = sumOf(deleted, done.deleted);
    postponed += done.postponed;
  }
  return { deleted, postponed };
}

/** SQLSTATE of a lock that was not to be had within the lock timeout. */
const LOCK_NOT_AVAILABLE = '55P03';
/** SQLSTATE of a serialization failure and of a deadlock: the same transaction may go through the next time. */
const ROLLED_BACK: ReadonlySet<string | undefined> = new Set(['40001', '40P01']);
