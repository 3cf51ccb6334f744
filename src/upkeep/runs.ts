/** The audit: rows of `upkeep_runs`. */
import type pg from 'pg';
import type { UtcTime } from '../lib/time.js';
import { uuidV7 } from '../lib/uuid.js';
import { query } from '../store/transaction.js';

export const tasks = ['cleanup', 'backup', 'verify', 'restore'] as const;
export type Task = (typeof tasks)[number];

export type Trigger = 'manual' | 'schedule';

/**
 * running      under way, or its process died and no later run of the task has noticed yet
 * complete     did what it was for; what a verification found is in its detail
 * failed       could not; `error` says why
 * stopped      ended early on request, such as the service stopping
 * interrupted  its process died
 */
export type RunState = 'running' | 'complete' | 'failed' | 'stopped' | 'interrupted';

/** What a run was about and what it did, by its task. */
export type Detail = Readonly<Record<string, unknown>>;

/** Named as in the table and in answers. */
export interface Run {
  readonly run_id: string;
  readonly task: Task;
  readonly trigger: Trigger;
  readonly state: RunState;
  readonly started_at: UtcTime;
  readonly finished_at: UtcTime | null;
  readonly detail: Detail;
  readonly error: string | null;
}

/** Where a page of runs ended. */
export interface RunPlace {
  readonly startedAt: UtcTime;
  readonly runId: string;
}

export interface RunsQuestion {
  readonly limit: number;
  readonly after?: RunPlace | undefined;
  readonly task?: Task | undefined;
}

const COLUMNS = 'run_id, task, trigger, state, started_at, finished_at, detail, error';

/** Newest first. */
export async function listRuns(pool: pg.Pool, { limit, after, task }: RunsQuestion): Promise<Run[]> {
  const { rows } = await query<Run>(
    pool,
    `select ${COLUMNS} from upkeep_runs
     where ($1::text is null or task = $1)
       and ($2::timestamptz is null or (started_at, run_id) < ($2, $3::uuid))
     order by started_at desc, run_id desc
     limit $4`,
    [task ?? null, after?.startedAt ?? null, after?.runId ?? null, limit],
  );
  return rows;
}

/** Writes down that a run begins. @returns its id */
export async function beginRun(
  pool: pg.Pool,
  run: Pick<Run, 'task' | 'trigger' | 'started_at' | 'detail'>,
): Promise<string> {
  const runId = uuidV7();
  await query(
    pool,
    `insert into upkeep_runs (run_id, task, trigger, state, started_at, detail)
     values ($1, $2, $3, 'running', $4, $5)`,
    [runId, run.task, run.trigger, run.started_at, JSON.stringify(run.detail)],
  );
  return runId;
}

/** Writes down a run that is over. */
export async function recordRun(pool: pg.Pool, run: Omit<Run, 'run_id'>): Promise<void> {
  await query(pool, `insert into upkeep_runs (${COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8)`, [
    uuidV7(),
    run.task,
    run.trigger,
    run.state,
    run.started_at,
    run.finished_at,
    JSON.stringify(run.detail),
    run.error,
  ]);
}

/** Writes down how a run ended. */
export async function endRun(
  pool: pg.Pool,
  runId: string,
  end: Pick<Run, 'state' | 'finished_at' | 'detail' | 'error'>,
): Promise<void> {
  await query(
    pool,
    'update upkeep_runs set state = $2, finished_at = $3, detail = $4, error = $5 where run_id = $1',
    [runId, end.state, end.finished_at, JSON.stringify(end.detail), end.error],
  );
}

/** What the audit says of runs whose process died. */
export const INTERRUPTED = 'its process ended before it did';

/** For whoever holds the lock of the task: runs that still say `running` belong to processes that died. */
export async function markInterrupted(pool: pg.Pool, task: Task): Promise<void> {
  await query(
    pool,
    `update upkeep_runs set state = 'interrupted', error = $2 where task = $1 and state = 'running'`,
    [task, INTERRUPTED],
  );
}

/** A backup that was deleted is no good one any more: the next is due as if it had never been. */
export async function markBackupRemoved(pool: pg.Pool, backupId: string, removedAt: UtcTime): Promise<void> {
  await query(
    pool,
    `update upkeep_runs set detail = (detail::jsonb || jsonb_build_object('removed_at', $2::text))::json
     where task = 'backup' and detail->>'backup_id' = $1`,
    [backupId, removedAt],
  );
}

/** A restored database knows the run of its own backup only as it was in the middle of it. */
export async function completeOwnBackup(pool: pg.Pool, backupId: string, finishedAt: UtcTime): Promise<void> {
  await query(
    pool,
    `update upkeep_runs set state = 'complete', finished_at = $2
     where task = 'backup' and state = 'running' and detail->>'backup_id' = $1`,
    [backupId, finishedAt],
  );
}
