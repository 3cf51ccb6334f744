/** What a reader refuses by itself; it has a `code` that the door knows, and words that may be shown. */
export abstract class ReadError extends Error {
  abstract readonly code: string;
}

export class UnknownTimeZoneError extends ReadError {
  override readonly name = 'UnknownTimeZoneError';
  readonly code = 'UNKNOWN_TIME_ZONE';
}

export class ExportsBusyError extends ReadError {
  override readonly name = 'ExportsBusyError';
  readonly code = 'EXPORTS_BUSY';
  readonly retryAfterS = 30;
}
