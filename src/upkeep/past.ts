/** What the audit says of earlier runs, as far as it decides what comes next. Times are milliseconds since 1970. */
import type pg from 'pg';
import { type UtcTime, utcTimeFromMs, utcTimeToMs } from '../lib/time.js';
import { query } from '../store/transaction.js';
import type { Runner } from './exclusive.js';
import type { RunState } from './runs.js';

export interface BackupPast {
  /**
   * When the last good backup was finished: complete, not deleted since, not refuted by its last verification, and not
   * of an empty database when the database is not empty any more.
   */
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
  /** Without a last one: when the first run of any task began, or the first call came, whichever was earlier. */
  readonly sinceMs: number | null;
}

/** Runs later than this were written with a clock that was wrong, and would put off the next one for as long. */
const AHEAD_MS = 86_400_000;

/** The signal ends what waits for tables that others have locked. */
type Observer = Pick<Runner, 'pool' | 'now' | 'signal'>;

export async function backupPast({ pool, now, signal }: Observer): Promise<BackupPast> {
  const { rows } = await query<Record<'last_good' | 'last_good_of_events' | 'last_failure', UtcTime | null>>(
    pool,
    `with backups as (
       select b.state, b.trigger, coalesce(b.finished_at, b.started_at) as ended_at,
              b.state = 'complete' and coalesce((
                select v.detail->>'ok' from upkeep_runs v
                where v.task = 'verify' and v.state = 'complete'
                  and v.detail->>'backup_id' = b.detail->>'backup_id'
                order by v.started_at desc limit 1), 'true') = 'true' as good,
              coalesce((select bool_or(value <> '0') from json_each_text(b.detail->'rows')
                        where key in ('calls', 'clicks', 'results')), true) as holds_events
       from upkeep_runs b
       where b.task = 'backup' and b.started_at < $1 and b.detail->>'removed_at' is null)
     select max(ended_at) filter (where good) as last_good,
            max(ended_at) filter (where good and holds_events) as last_good_of_events,
            max(ended_at) filter (where not good and trigger = 'schedule' and state <> 'stopped') as last_failure
     from backups`,
    [utcTimeFromMs(now() + AHEAD_MS)],
  );
  const [past] = rows;
  const isLastEmpty = past?.last_good !== past?.last_good_of_events;
  const lastGood =
    isLastEmpty && (await holdsEvents(pool, signal)) ? past?.last_good_of_events : past?.last_good;
  return { lastGoodMs: msOf(lastGood), lastFailureMs: msOf(past?.last_failure) };
}

async function holdsEvents(pool: pg.Pool, signal: AbortSignal): Promise<boolean> {
  const { rows } = await query<{ yes: boolean }>(
    pool,
    `select exists (select from calls) or exists (select from clicks) or exists (select from results) as yes`,
    [],
    signal,
  );
  return rows[0]?.yes === true;
}

export async function cleanupPast({ pool, now, signal }: Observer): Promise<CleanupPast> {
  const last = await query<RunRow>(
    pool,
    `select ${RUN} from upkeep_runs
     where task = 'cleanup' and trigger = 'schedule' and started_at < $1
     order by started_at desc limit 1`,
    [utcTimeFromMs(now() + AHEAD_MS)],
  );
  if (last.rows[0] !== undefined) return { last: pastRun(last.rows[0]), sinceMs: null };
  const since = await query<{ at: UtcTime | null }>(
    pool,
    'select least((select min(started_at) from upkeep_runs), (select min(received_at) from calls)) as at',
    [],
    signal,
  );
  return { last: null, sinceMs: msOf(since.rows[0]?.at) };
}

/** The last verification of a backup. */
export async function verifyPast(pool: pg.Pool, backupId: string): Promise<PastRun | null> {
  const { rows } = await query<RunRow>(
    pool,
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
