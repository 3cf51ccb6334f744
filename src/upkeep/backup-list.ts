/** Backups as the admin routes show them: those in the catalogue, and what the audit knows of those that never got there. */
import type pg from 'pg';
import type { UtcTime } from '../lib/time.js';
import type { Backup, BackupCatalogue } from './backup/catalogue.js';
import type { Run, Trigger } from './runs.js';
import { query } from '../store/transaction.js';

/** Named as in answers. */
export interface ListedBackup {
  readonly id: string;
  readonly state: 'running' | 'complete' | 'failed';
  /** Null when nobody knows any more. */
  readonly trigger: Trigger | null;
  readonly created_at: UtcTime;
  readonly finished_at: UtcTime | null;
  readonly bytes: number | null;
  readonly sha256: string | null;
  readonly rows: Readonly<Record<string, number>> | null;
  readonly verified_at: UtcTime | null;
  readonly error: string | null;
}

/** Of those without a file, so many of the newest are shown. */
const MAX_UNFINISHED = 100;

/** @param pool undefined while PostgreSQL is away: then it is the catalogue alone, which is when it is needed most */
export async function listBackups(
  catalogue: BackupCatalogue,
  pool: pg.Pool | undefined,
): Promise<ListedBackup[]> {
  const backups = new Map((await catalogue.list()).map((backup) => [backup.id, listed(backup)]));
  for (const run of pool === undefined ? [] : await unfinished(pool)) {
    const { backup_id: id } = run;
    // A file without its manifest is one that is about to get it.
    const isBeingMade = run.state === 'running' && backups.get(id)?.state === 'failed';
    if (!backups.has(id) || isBeingMade) backups.set(id, withoutFile(run));
  }
  return [...backups.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

function listed(backup: Backup): ListedBackup {
  if (backup.state === 'complete') return backup;
  return { ...NO_FILE, trigger: null, finished_at: null, ...backup };
}

type UnfinishedRun = Pick<Run, 'state' | 'trigger' | 'started_at' | 'finished_at' | 'error'> & {
  readonly backup_id: string;
};

async function unfinished(pool: pg.Pool): Promise<UnfinishedRun[]> {
  try {
    const { rows } = await query<UnfinishedRun>(
      pool,
      `select detail->>'backup_id' as backup_id, state, trigger, started_at, finished_at, error
       from upkeep_runs where task = 'backup' and state <> 'complete'
       order by started_at desc limit $1`,
      [MAX_UNFINISHED],
    );
    return rows;
  } catch {
    // The catalogue does not need PostgreSQL; who asks while it is away is better served with that than with nothing.
    return [];
  }
}

function withoutFile(run: UnfinishedRun): ListedBackup {
  return {
    ...NO_FILE,
    id: run.backup_id,
    state: run.state === 'running' ? 'running' : 'failed',
    trigger: run.trigger,
    created_at: run.started_at,
    finished_at: run.finished_at,
    error: run.error,
  };
}

const NO_FILE = { bytes: null, sha256: null, rows: null, verified_at: null };
