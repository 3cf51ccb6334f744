/** What upkeep did and will do, for the status. */
import type pg from 'pg';
import type { UtcTime } from '../lib/time.js';
import { utcTimeFromMs } from '../lib/time.js';
import type { Jobs, Plan } from './jobs.js';
import { type LastRun, readLastRuns } from './last-runs.js';
import { backupPast } from './past.js';
import { listRuns, type Run } from './runs.js';
import type { Keeping } from './tasks.js';
import { query } from '../store/transaction.js';

/** Read at one moment; ages are for whoever tells it later. */
export interface Overview {
  readonly cleanup: { readonly nextMs: number | null; readonly last: Run | null };
  readonly backup: {
    readonly nextMs: number | null;
    readonly lastGoodMs: number | null;
    readonly lastVerifiedMs: number | null;
    /** Why the last backup, or else the last verification, came to nothing; null when all is well. */
    readonly lastError: string | null;
  };
  readonly lastRuns: readonly LastRun[];
}

export const NOTHING_KNOWN: Overview = {
  cleanup: { nextMs: null, last: null },
  backup: { nextMs: null, lastGoodMs: null, lastVerifiedMs: null, lastError: null },
  lastRuns: [],
};

export async function readOverview(keeping: Keeping, jobs: Jobs): Promise<Overview> {
  const { pool } = keeping;
  const [lastCleanup] = await listRuns(pool, { task: 'cleanup', limit: 1 });
  const { lastGoodMs } = await backupPast(keeping);
  const lastRuns = await readLastRuns(pool);
  return {
    cleanup: { nextMs: await jobs.cleanup.dueAt(), last: lastCleanup ?? null },
    backup: {
      nextMs: await jobs.backup.dueAt(),
      lastGoodMs,
      lastVerifiedMs: lastRuns.find(({ task }) => task === 'verify')?.lastSuccessMs ?? null,
      lastError: await lastError(pool),
    },
    lastRuns,
  };
}

async function lastError(pool: pg.Pool): Promise<string | null> {
  const { rows } = await query<{ error: string | null }>(
    pool,
    `select coalesce(error, case when detail->>'ok' = 'false' then 'the backup ' || (detail->>'backup_id') ||
              ' was refuted: ' || coalesce(detail->'problems'->>0, '') end) as error
     from (
       select distinct on (task) * from upkeep_runs
       where task in ('backup', 'verify') and state in ('complete', 'failed', 'interrupted')
       order by task, started_at desc
     ) as last
     order by task`,
  );
  return rows.find(({ error }) => error !== null)?.error ?? null;
}

/** Named as in answers; a type, so that it is known to be a plain record. */
export type ScheduleStatus = Readonly<Record<string, unknown>>;

export function scheduleStatus(
  { cleanup, backup }: Overview,
  plan: Plan & { readonly backupKeep: number },
  nowMs: number,
): ScheduleStatus {
  const { nextMs, lastGoodMs, lastVerifiedMs, lastError } = backup;
  return {
    cleanup: { cron: plan.cleanupCron, next_at: timeOf(cleanup.nextMs), last: cleanup.last },
    backup: {
      interval_days: plan.backupIntervalDays,
      keep: plan.backupKeep,
      next_at: timeOf(nextMs),
      last_good_at: timeOf(lastGoodMs),
      last_good_age_s: ageOf(lastGoodMs, nowMs),
      last_verified_at: timeOf(lastVerifiedMs),
      last_verified_age_s: ageOf(lastVerifiedMs, nowMs),
      last_error: lastError,
    },
    retention_days: plan.retentionDays,
    dead_letter_retention_days: plan.deadLetterRetentionDays,
  };
}

function timeOf(ms: number | null): UtcTime | null {
  return ms === null ? null : utcTimeFromMs(ms);
}

function ageOf(ms: number | null, nowMs: number): number | null {
  return ms === null ? null : Math.max(Math.round((nowMs - ms) / 1000), 0);
}
