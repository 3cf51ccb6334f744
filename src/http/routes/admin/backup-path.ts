import { Problem } from '../../errors.js';

/** Ids of backups are part of file names: nothing else gets any further than here. */
export function isBackupId(id: string): boolean {
  return /^\d{8}T\d{6}Z-[0-9a-f]{8}$/.test(id);
}

/** @throws Problem `backup_not_found` when no backup can have this id */
export function checkBackupId(id: string): string {
  if (!isBackupId(id)) throw backupNotFound();
  return id;
}

export function backupNotFound(): Problem {
  return new Problem('backup_not_found', { detail: 'There is no backup with this id.' });
}

export function backupNotComplete(): Problem {
  return new Problem('backup_not_complete', {
    detail: 'The backup with this id is still being made, or failed: it has no file.',
  });
}
