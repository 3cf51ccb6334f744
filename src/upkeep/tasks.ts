/** The tasks as runs: whoever asks for one, a route, the schedule or a command, it is the same run with the same audit. */
import { type UtcTime, utcTimeFromMs } from '../lib/time.js';
import type { ConnectionTarget } from '../store/database.js';
import type { BackupCatalogue } from './backup/catalogue.js';
import { sweepUnlessInUse } from './backup/files.js';
import { newBackupId } from './backup/ids.js';
import type { Manifest } from './backup/manifest.js';
import { sweepScratch } from './backup/scratch.js';
import { type Verification, verifyBackup } from './backup/verify-backup.js';
import { type BackupProgress, writeBackup } from './backup/write-backup.js';
import { type CleanUpResult, cleanUp } from './cleanup.js';
import { deleteDeadLettersBefore } from './dead-letters/delete.js';
import { DAY_MS } from './due.js';
import { reasonOf } from './errors.js';
import { type Assignment, runExclusively, type Runner } from './exclusive.js';

/** A database, where its backups are, and how they are kept. */
export interface Keeping extends Runner {
  /** Of the pool's database: a scratch database is made beside it. */
  readonly target: ConnectionTarget;
  readonly catalogue: BackupCatalogue;
  readonly backupKeep: number;
  /** So much of the disk of the backups stays free. */
  readonly diskReserveBytes: number;
  /** An empty database for verification; undefined: one is made and dropped. */
  readonly verifyDatabaseUrl: string | undefined;
  readonly serviceVersion: string;
}

type Order = Pick<Assignment, 'trigger' | 'isDue'>;

export interface CleanupOrder extends Order {
  /** 0: calls are kept for ever. */
  readonly daysToKeep: number;
  /** 0: dead letters are kept for ever. */
  readonly deadLetterDays: number;
}

export interface CleanupOutcome extends CleanUpResult {
  readonly cutoff: UtcTime;
}

/** A dry run changes nothing: it neither keeps others out nor leaves a trace. */
export async function countCleanup(runner: Runner, daysToKeep: number): Promise<CleanupOutcome> {
  const cutoff = daysAgo(runner, daysToKeep);
  return { cutoff, ...(await cleanUp(runner.pool, { cutoff, dryRun: true, signal: runner.signal })) };
}

/** @throws TaskBusyError, NotDueError, and what PostgreSQL says */
export function cleanup(runner: Runner, order: CleanupOrder): Promise<CleanupOutcome> {
  const { daysToKeep, deadLetterDays, trigger, isDue } = order;
  const { pool } = runner;
  const cutoff = daysAgo(runner, daysToKeep);
  const detail = { days_to_keep: daysToKeep, cutoff: daysToKeep > 0 ? cutoff : null };
  return runExclusively(runner, { task: 'cleanup', trigger, detail, isDue }, async (signal) => {
    const calls = daysToKeep > 0 ? await cleanUp(pool, { cutoff, dryRun: false, signal }) : NO_CALLS;
    const letters =
      deadLetterDays > 0
        ? await deleteDeadLettersBefore(pool, daysAgo(runner, deadLetterDays), signal)
        : NO_LETTERS;
    const stopped = calls.stopped || letters.stopped;
    const { deleted, postponed } = calls;
    return {
      stopped,
      detail: { deleted: { ...deleted, dead_letters: letters.deleted }, postponed },
      result: { cutoff, deleted, postponed, stopped },
    };
  });
}

const NO_CALLS: CleanUpResult = {
  deleted: { calls: 0, clicks: 0, results: 0 },
  postponed: 0,
  stopped: false,
};
const NO_LETTERS = { deleted: 0, stopped: false };

function daysAgo({ now }: Runner, days: number): UtcTime {
  return utcTimeFromMs(now() - days * DAY_MS);
}

export interface BackupOrder extends Order {
  /** Older ones make room for it. */
  readonly prune: boolean;
  /** Hears the id of the backup once it is under way. */
  readonly onStart?: (id: string) => void;
  readonly onProgress?: (progress: BackupProgress) => void;
}

/** @throws TaskBusyError, NotDueError, and what writing the backup throws */
export function backup(keeping: Keeping, order: BackupOrder): Promise<Manifest> {
  const { pool, catalogue, diskReserveBytes, serviceVersion, now } = keeping;
  const { trigger, isDue, prune, onStart = ignore, onProgress = ignore } = order;
  const id = newBackupId(now());
  return runExclusively(
    keeping,
    { task: 'backup', trigger, detail: { backup_id: id }, isDue },
    async (signal) => {
      onStart(id);
      const { directory } = catalogue;
      const result = await writeBackup({
        ...{ pool, directory, diskReserveBytes, id, trigger, serviceVersion, signal, onProgress, now },
      });
      const { bytes, rows } = result;
      return { result, detail: { bytes, rows, removed: prune ? await removeOld(keeping) : [] } };
    },
  );
}

export interface VerifyOrder extends Order {
  readonly id: string;
  readonly onProgress?: (progress: { readonly bytes: number }) => void;
}

/** Enough to say what is wrong; the rest is more of the same. */
const PROBLEMS_KEPT = 20;

/** @throws TaskBusyError, NotDueError, NoSuchBackupError, CannotVerifyError, and what PostgreSQL says */
export function verify(keeping: Keeping, order: VerifyOrder): Promise<Verification> {
  const { pool, target, catalogue, diskReserveBytes, verifyDatabaseUrl: url, now } = keeping;
  const { id, trigger, isDue, onProgress = ignore } = order;
  return runExclusively(
    keeping,
    { task: 'verify', trigger, detail: { backup_id: id }, isDue },
    async (signal) => {
      const scratch =
        url === undefined
          ? ({ kind: 'beside', pool, target } as const)
          : ({ kind: 'given', target: { connectionString: url } } as const);
      const request = { catalogue, id, scratch, diskReserveBytes, signal, onProgress, now };
      const result = await verifyBackup(request);
      const { ok, problems, rows } = result;
      // The one that was kept until now for being the last that was verified may go.
      const removed = ok ? await removeOld(keeping) : [];
      return { result, detail: { ok, problems: problems.slice(0, PROBLEMS_KEPT), rows, removed } };
    },
  );
}

/** Removes what backups and verifications have left whose process died, so that it does not wait for the next of them. */
export async function sweepLeftovers({ pool, catalogue, log }: Keeping): Promise<void> {
  try {
    await sweepUnlessInUse(catalogue.directory);
    await sweepScratch(pool);
  } catch (error) {
    // Their next run tries it too, and fails if it matters.
    log.warn({ reason: reasonOf(error) }, 'leftovers of earlier backups could not be removed');
  }
}

/** Not worth failing for what has succeeded. @returns their ids */
async function removeOld({ catalogue, backupKeep, log, now }: Keeping): Promise<string[]> {
  try {
    return await catalogue.prune(backupKeep, now());
  } catch (error) {
    log.error({ reason: reasonOf(error) }, 'old backups could not be removed');
    return [];
  }
}

function ignore(): void {
  // Nobody asked.
}
