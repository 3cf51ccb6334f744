/** What the audit says of earlier runs, as far as it decides what comes next. Times are milliseconds since 1970. */
import type pg from 'pg';
import { type UtcTime, utcTimeFromMs, utcTimeToMs } from '../lib/time.js';
import type { RunState } from './runs.js';

export interface BackupPast {
  /** When the last good backup was finished: complete, not deleted since, and not refuted by its last verification. */
  readonly lastGoodMs: number | null;
  /** When the last attempt of the schedule ended that gave no good one. */
  readonly lastFailureMs: number | null;
}

export interface PastRun {
  readonly state: RunState;
  readonly startedMs: number;
  /** When it began, if nobody knows when it ended. */
  readonly endedMs: number;
}

export interface CleanupPast {
  /** The last run that the schedule began. */
  readonly last: PastRun | null;
  /** When the first run of any task began. */
  readonly firstRunMs: number | null;
}

/** Runs later than this were written with a clock that was wrong, and would put off the next one for as long. */
const AHEAD_MS = 86_400_000;

export async function backupPast(pool: pg.Pool, nowMs: number): Promise<BackupPast> {
  const { rows } = await pool.query<{ last_good: UtcTime | null; last_failure: UtcTime | null }>(
    `with backups as (
       select b.state, b.trigger, coalesce(b.finished_at, b.started_at) as ended_at,
              b.state = 'complete' and coalesce((
                select v.detail->>'ok' from upkeep_runs v
                where v.task = 'verify' and v.state = 'complete'
                  and v.detail->>'backup_id' = b.detail->>'backup_id'
                order by v.started_at desc limit 1), 'true') = 'true' as good
       from upkeep_runs b
       where b.task = 'backup' and b.started_at < $1 and b.detail->>'removed_at' is null)
     select max(ended_at) filter (where good) as last_good,
            max(ended_at) filter (where not good and trigger = 'schedule' and state <> 'stopped') as last_failure
     from backups`,
    [utcTimeFromMs(nowMs + AHEAD_MS)],
  );
  return { lastGoodMs: msOf(rows[0]?.last_good), lastFailureMs: msOf(rows[0]?.last_failure) };
}

export async function cleanupPast(pool: pg.Pool, nowMs: number): Promise<CleanupPast> {
  const last = await pool.query<RunRow>(
    `select ${RUN} from upkeep_runs
     where task = 'cleanup' and trigger = 'schedule' and started_at < $1
     order by started_at desc limit 1`,
    [utcTimeFromMs(nowMs + AHEAD_MS)],
  );
  const first = await pool.query<{ first: UtcTime | null }>(
    'select min(started_at) as first from upkeep_runs',
  );
  return { last: pastRun(last.rows[0]), firstRunMs: msOf(first.rows[0]?.first) };
}

/** The last verification of a backup. */
export async function verifyPast(pool: pg.Pool, backupId: string): Promise<PastRun | null> {
  const { rows } = await pool.query<RunRow>(
    `select ${RUN} from upkeep_runs where task = 'verify' and detail->>'backup_id' = $1
     order by started_at desc limit 1`,
    [backupId],
  );
  return pastRun(rows[0]);
}

interface RunRow {
  readonly state: RunState;
  readonly started_at: UtcTime;
  readonly ended_at: UtcTime;
}

const RUN = 'state, started_at, coalesce(finished_at, started_at) as ended_at';

function pastRun(row: RunRow | undefined): PastRun | null {
  if (row === undefined) return null;
  return { state: row.state, startedMs: utcTimeToMs(row.started_at), endedMs: utcTimeToMs(row.ended_at) };
}

function msOf(time: UtcTime | null | undefined): number | null {
  return time === null || time === undefined ? null : utcTimeToMs(time);
}
