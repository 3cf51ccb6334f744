import type pg from 'pg';
import { Backoff } from '../lib/backoff.js';
import { type UtcTime, utcTimeFromMs } from '../lib/time.js';
import type { Logger } from '../observe/logger.js';
import { NotDueError, reasonOf, TaskBusyError } from './errors.js';
import {
  beginRun,
  type Detail,
  endRun,
  INTERRUPTED,
  markInterrupted,
  type Run,
  type Task,
  type Trigger,
} from './runs.js';
import { LOCK_CLASS, LOCKS, TaskLock } from './task-lock.js';
import { query } from '../store/transaction.js';

export interface Runner {
  /** Of the database that all replicas share; without a statement timeout. */
  readonly pool: pg.Pool;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Aborted when the process wants to end. */
  readonly signal: AbortSignal;
}

export interface Assignment {
  readonly task: Task;
  readonly trigger: Trigger;
  /** What the run is about. */
  readonly detail: Detail;
  /** Asked once other runs are kept out: one that has just ended may have done it all. */
  readonly isDue?: (() => Promise<boolean>) | undefined;
}

/** What a run hands back. */
export interface Done<T> {
  readonly result: T;
  /** What it did; joins the detail of the assignment in the audit. */
  readonly detail: Detail;
  /** It ended early, at a safe point, because its signal was aborted. */
  readonly stopped?: boolean;
}

const AUDIT_WITHIN_MS = 10_000;
/** While somebody waits for the end of the process. */
const AUDIT_WHEN_STOPPING_WITHIN_MS = 1_000;

/**
 * Runs a task of which there may be one at a time on a database, in whatever process, and keeps the audit of it.
 *
 * When the lock is lost, see TaskLock, the signal of the work is aborted.
 * @throws TaskBusyError when one is running, NotDueError, LockLostError, and what the work throws
 */
export async function runExclusively<T>(
  runner: Runner,
  assignment: Assignment,
  work: (signal: AbortSignal) => Promise<Done<T>>,
): Promise<T> {
  const { task, isDue } = assignment;
  const lock = await TaskLock.take(runner.pool, task);
  if (lock === null) throw new TaskBusyError(task);
  try {
    await markInterrupted(runner.pool, task);
    if ((await isDue?.()) === false) throw new NotDueError(task);
    return await audited(runner, assignment, lock, work);
  } finally {
    await lock.release();
  }
}

/** Says of runs whose process died that they were interrupted, rather than leaving it to the next run of their task. */
export async function markAbandoned({ pool }: Pick<Runner, 'pool'>): Promise<void> {
  // Who holds the lock of its task is alive: the lock is taken before the row is there, and given back after its end.
  await query(
    pool,
    `update upkeep_runs set state = 'interrupted', error = $4
     where state = 'running' and not exists (
       select from unnest($2::text[], $3::int[]) as locks (task, key)
       join pg_locks on locktype = 'advisory' and objsubid = 2 and classid = $1::int::oid and objid = key::oid
       where locks.task = upkeep_runs.task
         and database = (select oid from pg_database where datname = current_database()))`,
    [LOCK_CLASS, Object.keys(LOCKS), Object.values(LOCKS), INTERRUPTED],
  );
}

async function audited<T>(
  runner: Runner,
  assignment: Assignment,
  lock: TaskLock,
  work: (signal: AbortSignal) => Promise<Done<T>>,
): Promise<T> {
  const { task, trigger, detail } = assignment;
  const { lost } = lock;
  const startedMs = runner.now();
  const runId = await beginRun(runner.pool, { task, trigger, detail, started_at: utcTimeFromMs(startedMs) });
  const log = (end: End): void => {
    const level = end.state === 'failed' ? 'error' : 'info';
    const duration_ms = Math.round(runner.now() - startedMs);
    runner.log[level]({ task, trigger, run_id: runId, duration_ms, ...end }, `${task}: ${end.state}`);
  };
  const settle = async (end: End): Promise<void> => {
    log(end);
    await endRunInTime(runner, runId, { ...end, finished_at: utcTimeFromMs(runner.now()) });
  };
  try {
    const done = await lock.during(() => work(AbortSignal.any([runner.signal, lost])));
    if (done.stopped === true) lost.throwIfAborted();
    const state = done.stopped === true ? 'stopped' : 'complete';
    await settle({ state, detail: { ...detail, ...done.detail }, error: null });
    return done.result;
  } catch (thrown) {
    // Whatever the work made of it: without its lock, that is the reason.
    const error: unknown = lost.aborted ? lost.reason : thrown;
    const state = runner.signal.aborted && !lost.aborted ? 'stopped' : 'failed';
    await settle({ state, detail, error: reasonOf(error) });
    throw error;
  }
}

type End = Pick<Run, 'state' | 'detail' | 'error'>;

/** The work is done, whatever becomes of its audit: a row that cannot be written is found `interrupted` later. */
async function endRunInTime(
  { pool, log, signal }: Runner,
  runId: string,
  end: End & { readonly finished_at: UtcTime },
): Promise<void> {
  const begunAt = performance.now();
  const backoff = new Backoff({ firstMs: 50, maxMs: 1_000 });
  for (;;) {
    try {
      await endRun(pool, runId, end);
      return;
    } catch (error) {
      const withinMs = signal.aborted ? AUDIT_WHEN_STOPPING_WITHIN_MS : AUDIT_WITHIN_MS;
      const leftMs = begunAt + withinMs - performance.now();
      if (leftMs <= 0 || pool.ending) {
        log.error({ run_id: runId, reason: reasonOf(error) }, 'the end of a run could not be written down');
        return;
      }
      await backoff.wait(AbortSignal.timeout(Math.ceil(leftMs)));
    }
  }
}
