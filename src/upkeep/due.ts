/**
 * When the tasks that run by themselves are due. All of it follows from the audit, which all replicas on a database
 * share and which outlives restarts, and from the clock: there is no timer to be lost. Times are milliseconds since 1970.
 */
import { Cron } from 'croner';
import type { BackupPast, CleanupPast } from './past.js';

export const DAY_MS = 86_400_000;
/** A service that has just started has other things to do. */
const GRACE_MS = 60_000;
const RETRY_MS = 3_600_000;

/**
 * @param startedMs when this process began to look after things
 * @returns null when none are to be made
 */
export function backupDueAt(
  { lastGoodMs, lastFailureMs }: BackupPast,
  intervalDays: number,
  startedMs: number,
): number | null {
  if (intervalDays === 0) return null;
  const byInterval = lastGoodMs === null ? 0 : lastGoodMs + intervalDays * DAY_MS;
  const isFailing = lastFailureMs !== null && lastFailureMs > (lastGoodMs ?? 0);
  return Math.max(byInterval, isFailing ? lastFailureMs + RETRY_MS : 0, startedMs + GRACE_MS);
}

/**
 * The first time of the cron expression that no run has followed. One that passed while no service ran is made up for;
 * one that the end of the service stopped goes on; one that failed is tried again.
 * @returns null when it never comes
 */
export function cleanupDueAt({ last, sinceMs }: CleanupPast, cron: string, startedMs: number): number | null {
  const next = nextTime(cron, last?.startedMs ?? Math.min(sinceMs ?? Infinity, startedMs));
  const again = last === null || last.state === 'complete' ? null : last.endedMs + retryMs(last.state);
  const due = Math.min(next ?? Infinity, again ?? Infinity);
  return due === Infinity ? null : Math.max(due, startedMs + GRACE_MS);
}

function retryMs(state: string): number {
  return state === 'stopped' ? 0 : RETRY_MS;
}

function nextTime(cron: string, afterMs: number): number | null {
  const pattern = new Cron(cron, { paused: true, timezone: 'UTC', mode: '5-part' });
  return pattern.nextRun(new Date(afterMs))?.getTime() ?? null;
}
