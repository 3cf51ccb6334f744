/** Why a question gets no answer now, though nothing is wrong with it. `code` is known to the door. */
abstract class StoreRefusal extends Error {
  abstract readonly code: string;
  abstract readonly retryAfterS: number;

  constructor(
    message: string,
    override readonly cause?: unknown,
  ) {
    super(message, { cause });
  }
}

/** PostgreSQL cannot answer now; the same question may be answered later. */
export class StoreUnavailableError extends StoreRefusal {
  override readonly name = 'StoreUnavailableError';
  readonly code = 'STORE_UNAVAILABLE';
  readonly retryAfterS = 2;
  constructor(cause?: unknown) {
    super('PostgreSQL does not answer', cause);
  }
}

/** So many questions are being answered that this one could not begin; the same one may be answered later. */
export class StoreBusyError extends StoreRefusal {
  override readonly name = 'StoreBusyError';
  readonly code = 'STORE_BUSY';
  readonly retryAfterS = 5;
  constructor(cause?: unknown) {
    super('too many questions are being answered', cause);
  }
}

/** The question took longer than a question may; a narrower one may be answered. */
export class QuestionTooSlowError extends StoreRefusal {
  override readonly name = 'QuestionTooSlowError';
  readonly code = 'QUESTION_TOO_SLOW';
  readonly retryAfterS = 30;
  constructor(cause?: unknown) {
    super('the database did not answer in time', cause);
  }
}

/** The database cannot be used as it is, and trying again will not help: an operator has to act. */
export class UnusableDatabaseError extends Error {
  override readonly name = 'UnusableDatabaseError';
}
