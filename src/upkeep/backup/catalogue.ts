import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { replaceFile } from '../../lib/durable-files.js';
import { messageOf } from '../../lib/errors.js';
import { ifExists } from '../../lib/if-exists.js';
import { type UtcTime, utcTimeFromMs } from '../../lib/time.js';
import { BackupFileError, NoSuchBackupError } from './errors.js';
import { idsIn, pathsOf, remove } from './files.js';
import { isBackupId, timeOfBackupId } from './ids.js';
import { type Manifest, readManifest, sealed, textOf } from './manifest.js';

/** A backup that cannot be used: its manifest or its file is missing, damaged, or of another. */
export interface FailedBackup {
  readonly id: string;
  readonly state: 'failed';
  readonly created_at: UtcTime;
  /** Of the file; null when there is none. */
  readonly bytes: number | null;
  readonly error: string;
}

export type Backup = Manifest | FailedBackup;

/** First and last byte, both included, within the file. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface OpenBackup {
  readonly stream: Readable;
  /** Of the whole file. */
  readonly bytes: number;
  readonly sha256: string;
  readonly fileName: string;
}

/**
 * The newest first. One of a time that has not come yet was made by a clock that was wrong, nobody knows when. It counts as
 * the oldest: otherwise whatever is made from now on would.
 * @param backups as listed
 */
export function byAge(backups: readonly Backup[], nowMs: number): Backup[] {
  const now = utcTimeFromMs(nowMs);
  const isAhead = ({ created_at }: Backup): boolean => created_at > now;
  return [...backups.filter((backup) => !isAhead(backup)), ...backups.filter(isAhead)];
}

/** The backups in a directory, by their manifests. Several processes may look into it and remove from it at once. */
export class BackupCatalogue {
  constructor(readonly directory: string) {}

  /** Newest first, those that cannot be used among them. */
  async list(): Promise<Backup[]> {
    const backups = await Promise.all((await idsIn(this.directory)).map((id) => this.get(id)));
    return backups.filter((backup) => backup !== undefined).sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  /** Undefined for what is no id of a backup, too. */
  async get(id: string): Promise<Backup | undefined> {
    if (!isBackupId(id)) return undefined;
    const bytes = await this.#sizeOf(id);
    try {
      const manifest = await readManifest(pathsOf(this.directory, id).manifest);
      if (manifest === undefined) {
        if (bytes === null) return undefined;
        throw new BackupFileError('its manifest is missing');
      }
      if (manifest.id !== id) throw new BackupFileError(`its manifest is that of ${manifest.id}`);
      if (bytes === null) throw new BackupFileError('its file is missing');
      if (bytes !== manifest.bytes)
        throw new BackupFileError(`its file has ${bytes} bytes, the manifest says ${manifest.bytes}`);
      return manifest;
    } catch (error) {
      if (!(error instanceof BackupFileError)) throw error;
      return { id, state: 'failed', created_at: timeOfBackupId(id), bytes, error: error.message };
    }
  }

  /** @throws NoSuchBackupError */
  async remove(id: string): Promise<void> {
    if ((await this.get(id)) === undefined) throw new NoSuchBackupError(id);
    await remove(this.directory, id);
  }

  /** The path of the file, for those who run it. */
  fileOf(id: string): string {
    return pathsOf(this.directory, id).file;
  }

  /** @throws NoSuchBackupError, or BackupFileError when there is one that cannot be used */
  async open(id: string, range?: ByteRange): Promise<OpenBackup> {
    const backup = await this.get(id);
    if (backup === undefined) throw new NoSuchBackupError(id);
    if (backup.state === 'failed') throw new BackupFileError(backup.error);
    // Opened here and not when it is first read: from now on the file may be removed.
    const stream = (await this.#openFile(id)).createReadStream(range);
    return { stream, bytes: backup.bytes, sha256: backup.sha256, fileName: backup.file };
  }

  /**
   * Notes when the backup was last proved, or that it failed to be.
   * @throws NoSuchBackupError when it is gone, or cannot be used any more
   */
  async setVerified(id: string, time: UtcTime | null): Promise<Manifest> {
    const backup = await this.get(id);
    if (backup === undefined || backup.state === 'failed') throw new NoSuchBackupError(id);
    const manifest = sealed({ ...backup, verified_at: time });
    await replaceFile(pathsOf(this.directory, id).manifest, textOf(manifest));
    return manifest;
  }

  /**
   * Removes the older of the complete ones. The newest `keep` stay, at least one; and so does the newest one that was
   * verified: a newer one is only believed to be good. Those that cannot be used are left to an operator.
   * @returns the ids of the removed
   */
  async prune(keep: number, nowMs: number): Promise<string[]> {
    const complete = byAge(await this.list(), nowMs).filter((backup) => backup.state === 'complete');
    const verified = complete.find(({ verified_at }) => verified_at !== null);
    const old = complete.slice(Math.max(keep, 1)).filter((backup) => backup !== verified);
    for (const { id } of old) await remove(this.directory, id);
    return old.map(({ id }) => id);
  }

  async #openFile(id: string): Promise<FileHandle> {
    const file = await ifExists(open(this.fileOf(id)));
    if (file === undefined) throw new NoSuchBackupError(id);
    return file;
  }

  async #sizeOf(id: string): Promise<number | null> {
    try {
      return (await ifExists(stat(this.fileOf(id))))?.size ?? null;
    } catch (error) {
      throw new Error(`the backup ${id} cannot be looked at: ${messageOf(error)}`, { cause: error });
    }
  }
}
