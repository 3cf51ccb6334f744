import type { Logger } from '../observe/logger.js';
import { NotDueError, reasonOf, TaskBusyError } from './errors.js';

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after the time, or early when the signal is aborted. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface Job {
  readonly name: string;
  /** Milliseconds since 1970; null: not in sight. Asked again every minute. */
  readonly dueAt: () => Promise<number | null>;
  readonly run: () => Promise<void>;
}

/**
 * The longest sleep. One long timer would go off at the wrong time after the machine has slept or its clock was put
 * right, and would not hear of what other replicas did.
 */
const LOOK_EVERY_MS = 60_000;

/** Runs the job whenever it is due, until the signal is aborted. What fails is looked at again later. Never rejects. */
export async function repeat(job: Job, clock: Clock, log: Logger, signal: AbortSignal): Promise<void> {
  let lastFailure: string | null = null;
  while (!signal.aborted) {
    let waitMs = LOOK_EVERY_MS;
    try {
      const dueMs = await job.dueAt();
      const leftMs = dueMs === null ? Infinity : dueMs - clock.now();
      if (leftMs <= 0) await job.run();
      else waitMs = Math.min(leftMs, LOOK_EVERY_MS);
      lastFailure = null;
    } catch (error) {
      lastFailure = tell(job, error, lastFailure, log, signal);
    }
    await clock.sleep(waitMs, signal);
  }
}

/** Says each new reason once. @returns the reason */
function tell(
  { name }: Job,
  error: unknown,
  last: string | null,
  log: Logger,
  signal: AbortSignal,
): string | null {
  if (signal.aborted) return last;
  if (error instanceof NotDueError || error instanceof TaskBusyError) {
    log.info({ job: name, reason: error.message }, 'a scheduled run was skipped');
    return null;
  }
  const reason = reasonOf(error);
  if (reason !== last) log.error({ job: name, reason }, 'a scheduled run failed; it is tried again');
  return reason;
}
