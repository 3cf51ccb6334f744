/** What the door needs from upkeep. Times in questions and answers are RFC 3339 in UTC. */
import type { Readable } from 'node:stream';
import type { Backup, Verification } from './schemas/backups.js';
import type { Cleanup } from './schemas/cleanup.js';
import type { DeadLetter, DeadLetterReason, Replayed } from './schemas/dead-letters.js';
import type { Run, Task } from './schemas/runs.js';

export type { Backup, Cleanup, DeadLetter, DeadLetterReason, Replayed, Run, Task, Verification };

/**
 * All of it may reject with an error whose `code` is STORE_UNAVAILABLE (PostgreSQL is away) or UPKEEP_STOPPED (the
 * service is stopping), and what runs a task with TASK_BUSY. No work ends because nobody waits for it any more.
 */
export interface UpkeepDesk {
  /** May also reject with NO_RETENTION: neither the question nor the configuration says how many days are kept. */
  readonly cleanUp: (question: CleanupQuestion) => Promise<Cleanup>;
  /** Resolves once the backup is under way. */
  readonly startBackup: () => Promise<StartedBackup>;
  /** Newest first. */
  readonly backups: () => Promise<readonly Backup[]>;
  readonly backup: (id: string) => Promise<Backup | null>;
  /** Null when there is no complete one with this id. */
  readonly openBackup: (id: string) => Promise<OpenBackup | null>;
  /** False when there is no file with this id. May also reject with BACKUP_IN_USE. */
  readonly removeBackup: (id: string) => Promise<boolean>;
  /** Null when there is no file with this id. May also reject with a CannotVerifyError, whose message says why. */
  readonly verifyBackup: (id: string) => Promise<Verification | null>;
  /** Newest first. */
  readonly deadLetters: (question: DeadLettersQuestion) => Promise<DeadLettersPage>;
  /** False when there is none with this id. May also reject with NOT_REPLAYABLE, and as an append to the spool does. */
  readonly replayDeadLetter: (id: string) => Promise<boolean>;
  readonly replayDeadLetters: () => Promise<Replayed>;
  readonly removeDeadLetter: (id: string) => Promise<boolean>;
  /** Newest first. */
  readonly runs: (question: RunsQuestion) => Promise<readonly Run[]>;
}

export interface CleanupQuestion {
  readonly daysToKeep: number | undefined;
  readonly dryRun: boolean;
}

export interface StartedBackup {
  readonly id: string;
  /** The backup once it is complete; rejects when it failed. */
  readonly finished: Promise<Backup>;
}

export interface OpenBackup {
  readonly fileName: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
  /** @param range first and last byte, both of them included */
  readonly read: (range: ByteRange) => Promise<Readable>;
}

export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** Where a page ended. */
export interface DeadLetterPlace {
  readonly deadLetteredAt: string;
  readonly id: string;
}

export interface DeadLettersPage {
  readonly letters: readonly DeadLetter[];
  /** Null when nothing comes after it. */
  readonly next: DeadLetterPlace | null;
}

export interface DeadLettersQuestion {
  readonly limit: number;
  readonly after: DeadLetterPlace | undefined;
  readonly reason: DeadLetterReason | undefined;
}

export interface RunsQuestion {
  readonly limit: number;
  readonly after: { readonly startedAt: string; readonly runId: string } | undefined;
  readonly task: Task | undefined;
}
