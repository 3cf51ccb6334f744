import { utcTimeFromMs } from '../../lib/time.js';
import { type FileProgress, inflate, problemsOf } from './backup-file.js';
import type { BackupCatalogue } from './catalogue.js';
import { whileFree } from './disk-reserve.js';
import { BackupFileError, NoSuchBackupError } from './errors.js';
import { differences, type Manifest } from './manifest.js';
import { runScript } from './run-script.js';
import { inScratch, type Scratch } from './scratch.js';

export interface VerifyRequest {
  readonly catalogue: BackupCatalogue;
  readonly id: string;
  readonly scratch: Scratch;
  /** So much of the disk of the backups stays free; 0, the default: none of it. */
  readonly diskReserveBytes?: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: FileProgress) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface Verification {
  readonly ok: boolean;
  /** In whole sentences; empty when all is well. */
  readonly problems: readonly string[];
  /** By table, as restored; null when it did not come to that. */
  readonly rows: Readonly<Record<string, number>> | null;
}

/**
 * Proves a backup by restoring it, and notes the outcome in its manifest. A file whose bytes are not those of the manifest
 * is not run: it says no already, and nobody knows what it would do.
 * @throws NoSuchBackupError; CannotVerifyError, DiskReserveError and what PostgreSQL throws when nothing can be said about the backup
 */
export async function verifyBackup(request: VerifyRequest): Promise<Verification> {
  const { catalogue, id, now = Date.now } = request;
  const backup = await catalogue.get(id);
  if (backup === undefined) throw new NoSuchBackupError(id);
  if (backup.state === 'failed') return { ok: false, problems: [backup.error], rows: null };
  const verification = await verify(request, backup);
  await catalogue.setVerified(id, verification.ok ? utcTimeFromMs(now()) : null);
  return verification;
}

async function verify(
  { catalogue, id, scratch, diskReserveBytes = 0, signal, onProgress }: VerifyRequest,
  manifest: Manifest,
): Promise<Verification> {
  const path = catalogue.fileOf(id);
  const problems = await problemsOf(path, manifest, signal);
  if (problems.length > 0) return { ok: false, problems, rows: null };
  try {
    const text = whileFree(inflate(path, signal, onProgress), catalogue.directory, diskReserveBytes);
    const { header, contents } = await inScratch(scratch, signal, (client) =>
      runScript(client, text, signal),
    );
    const found = differences(manifest, contents);
    if (header.migration !== manifest.migration.tag)
      found.push(
        `the file is of the schema ${header.migration}, the manifest says ${manifest.migration.tag}`,
      );
    const rows = Object.fromEntries([...contents].map(([table, content]) => [table, content.rows]));
    return { ok: found.length === 0, problems: found, rows };
  } catch (error) {
    if (error instanceof BackupFileError) return { ok: false, problems: [error.message], rows: null };
    throw error;
  }
}
