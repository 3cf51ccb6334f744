import { messageOf } from '../lib/errors.js';
import { classify, inWords } from '../store/errors.js';
import type { Task } from './runs.js';

/** Another run of the task is under way, here or in another replica on the same database. */
export class TaskBusyError extends Error {
  override readonly name = 'TaskBusyError';
  readonly code = 'TASK_BUSY';
  constructor(readonly task: Task | 'dry run') {
    super(`a ${task} is running already`);
  }
}

/** Another replica has just done what was due. */
export class NotDueError extends Error {
  override readonly name = 'NotDueError';
  constructor(task: Task) {
    super(`the ${task} is not due any more`);
  }
}

/** The connection that held the lock of the task broke: another run may have begun, so this one has to end. */
export class LockLostError extends Error {
  override readonly name = 'LockLostError';
  constructor(task: Task, cause: unknown) {
    super(`the connection to PostgreSQL that kept other runs of ${task} out broke`, { cause });
  }
}

/** The service is stopping; what was under way goes on next time. */
export class UpkeepStoppedError extends Error {
  override readonly name = 'UpkeepStoppedError';
  readonly code = 'UPKEEP_STOPPED';
  constructor() {
    super('stopped before it was finished');
  }
}

/** Neither the question nor the configuration says how many days of calls are kept. */
export class NoRetentionError extends Error {
  override readonly name = 'NoRetentionError';
  readonly code = 'NO_RETENTION';
  constructor() {
    super('calls are kept for ever');
  }
}

/** The backup was removed after it had been found. */
export class BackupGoneError extends Error {
  override readonly name = 'BackupGoneError';
  readonly code = 'BACKUP_GONE';
  constructor(cause: unknown) {
    super('the backup was removed meanwhile', { cause });
  }
}

export class BackupInUseError extends Error {
  override readonly name = 'BackupInUseError';
  readonly code = 'BACKUP_IN_USE';
  constructor() {
    super('the backup is being verified');
  }
}

const MAX_CHARACTERS = 1_000;

/** For the audit and for operators: without the SQL and the parameters that drizzle puts into its messages. */
export function reasonOf(error: unknown): string {
  const isWrapped = error instanceof Error && error.message.startsWith('Failed query');
  const text = isWrapped ? inWords(classify(error)) : messageOf(error);
  return text.replaceAll('\u0000', '\\0').slice(0, MAX_CHARACTERS);
}
