/** The file is not, or not any more, what writeBackup wrote. The message says what is wrong with it. */
export class BackupFileError extends Error {
  override readonly name = 'BackupFileError';
}

/** Verification says nothing about the backup: what it needs is not there. The message says what to do about it. */
export class CannotVerifyError extends Error {
  override readonly name = 'CannotVerifyError';
}

/** A restore that must not be begun, or must not be completed; the target is as it was. */
export class RestoreRefusedError extends Error {
  override readonly name = 'RestoreRefusedError';
}

export class NoSuchBackupError extends Error {
  override readonly name = 'NoSuchBackupError';
  constructor(readonly id: string) {
    super('there is no backup with this id');
  }
}
