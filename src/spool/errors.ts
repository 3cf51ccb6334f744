import { errorCode } from '../lib/errors.js';

/** What a refused sender is told, in seconds: a drain at work frees a segment in less. */
export const RETRY_AFTER_S = 5;

/** No room at the moment: nothing of this append was kept. Worth trying again after `retryAfterS` seconds. */
export abstract class NoRoomError extends Error {
  abstract readonly code: string;
  readonly retryAfterS = RETRY_AFTER_S;
  constructor(
    /** Whole sentences that may be shown to senders: which limit it is, and how much is left. */
    readonly detail: string,
    options?: ErrorOptions,
  ) {
    super(detail, options);
  }
}

/** The spool is at its own limit. */
export class SpoolFullError extends NoRoomError {
  override readonly name = 'SpoolFullError';
  readonly code = 'SPOOL_FULL';
}

/** The disk has no room, or no more than is kept free on it. */
export class DiskFullError extends NoRoomError {
  override readonly name = 'DiskFullError';
  readonly code = 'DISK_FULL';
}

/** Too much waits for the disk, or too many files are open. */
export class SpoolBusyError extends NoRoomError {
  override readonly name = 'SpoolBusyError';
  readonly code = 'SPOOL_BUSY';
}

/** The disk failed in a way after which no later success could be believed: nothing is accepted until a restart. */
export class SpoolFailedError extends Error {
  override readonly name = 'SpoolFailedError';
  readonly code = 'SPOOL_FAILED';
}

/** The spool was closed, by our own hand. */
export class SpoolClosedError extends Error {
  override readonly name = 'SpoolClosedError';
  readonly code = 'SPOOL_CLOSED';
  constructor() {
    super('the spool is closed');
  }
}

/** The directory holds files of a newer format, which this version must not touch. */
export class SpoolFormatError extends Error {
  override readonly name = 'SpoolFormatError';
}

/** Too many open files: nothing was done, and it passes. */
export function isOutOfHandles(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EMFILE' || code === 'ENFILE';
}

/** The errors after which the files are still to be trusted: no space, no quota, no file handle. */
export function isOutOfRoom(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || isOutOfHandles(error);
}
