import { errorCode } from '../lib/errors.js';
/** No room at the moment: nothing of this append was kept. Worth trying again after `retryAfterS` seconds. */
export class SpoolFullError extends Error {
  override readonly name = 'SpoolFullError';
  constructor(
    message: string,
    readonly retryAfterS: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The disk failed in a way after which no later success could be believed: nothing is accepted until a restart. */
export class SpoolFailedError extends Error {
  override readonly name = 'SpoolFailedError';
}

/** The spool was closed, by our own hand. */
export class SpoolClosedError extends Error {
  override readonly name = 'SpoolClosedError';
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
