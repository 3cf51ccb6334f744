import type pg from 'pg';
import { type UtcTime, utcTimeToMs } from '../lib/time.js';
import type { Task } from './runs.js';
import { query } from '../store/transaction.js';

/** How it stands with a task that has run. Runs that were stopped on request say nothing about it. */
export interface LastRun {
  readonly task: Task;
  /** When the last one that succeeded ended, in milliseconds since 1970. A verification succeeds when it proves the backup. */
  readonly lastSuccessMs: number | null;
  /** Whether the last one succeeded. */
  readonly succeeded: boolean;
  /** Of the last one; null when its process died. */
  readonly durationS: number | null;
}

/** One for each task that ever came to an end, in whatever process. */
export async function readLastRuns(pool: pg.Pool): Promise<LastRun[]> {
  const { rows } = await query<{
    task: Task;
    last_success: UtcTime | null;
    succeeded: boolean;
    duration_s: number | null;
  }>(
    pool,
    `with ended as (
       select task, started_at, finished_at,
              state = 'complete' and coalesce(detail->>'ok', 'true') = 'true' as good
       from upkeep_runs where state in ('complete', 'failed', 'interrupted'))
     select distinct on (task) task, good as succeeded,
            extract(epoch from finished_at - started_at) as duration_s,
            max(finished_at) filter (where good) over (partition by task) as last_success
     from ended
     order by task, started_at desc`,
  );
  return rows.map(({ task, last_success, succeeded, duration_s }) => ({
    task,
    lastSuccessMs: last_success === null ? null : utcTimeToMs(last_success),
    succeeded,
    durationS: duration_s,
  }));
}
