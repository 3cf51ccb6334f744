/**
 * The names in a directory of backups, and how they come and go.
 *
 *   ID.sql.gz            the backup
 *   ID.json              its manifest: only with it is there a backup
 *   ID.sql.gz.partial    being written
 *   ID.json.partial      a backup that is being made, or being removed, whichever of its files are there
 *   ID.json.new          a manifest that is about to take the place of ID.json (`replaceFile`)
 *
 * A manifest takes its name last and loses it first, so a crash at any point leaves no backup that looks complete, and
 * what it leaves can be told from a file that somebody put there.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DirectoryInUseError, type DirectoryLock, lockDirectory } from '../../lib/directory-lock.js';
import { publish, syncDirectory } from '../../lib/durable-files.js';
import { ifExists } from '../../lib/if-exists.js';
import { isBackupId } from './ids.js';

const FILE = '.sql.gz';
const MANIFEST = '.json';
const PARTIAL = '.partial';

export interface BackupPaths {
  readonly file: string;
  readonly manifest: string;
  readonly partialFile: string;
  readonly partialManifest: string;
  readonly newManifest: string;
}

/** @throws Error when the id is none: nothing else may become part of a path */
export function pathsOf(directory: string, id: string): BackupPaths {
  if (!isBackupId(id)) throw new Error('this is no id of a backup');
  const file = join(directory, id + FILE);
  const manifest = join(directory, id + MANIFEST);
  return {
    file,
    manifest,
    partialFile: file + PARTIAL,
    partialManifest: manifest + PARTIAL,
    newManifest: `${manifest}.new`,
  };
}

export function fileNameOf(id: string): string {
  return id + FILE;
}

/** Where the manifest of a backup file lies; null for a file with a name of another kind. */
export function manifestBeside(file: string): string | null {
  return file.endsWith(FILE) ? file.slice(0, -FILE.length) + MANIFEST : null;
}

/** Ids of which there is a file or a manifest, under their final names. */
export async function idsIn(directory: string): Promise<string[]> {
  return idsWith(await namesIn(directory), [FILE, MANIFEST]);
}

/** As `sweep`, unless another process is at work in the directory, which then does it, or there is none. */
export async function sweepUnlessInUse(directory: string): Promise<void> {
  if ((await namesIn(directory)).length === 0) return;
  let lock: DirectoryLock;
  try {
    lock = await lockDirectory(directory);
  } catch (error) {
    if (error instanceof DirectoryInUseError) return;
    throw error;
  }
  try {
    await sweep(directory);
  } finally {
    await lock.release();
  }
}

/** Removes what runs and removals that were killed have left. Only for the holder of the directory's lock. */
export async function sweep(directory: string): Promise<void> {
  const names = await namesIn(directory);
  for (const id of idsWith(names, [FILE + PARTIAL, MANIFEST + PARTIAL])) {
    const paths = pathsOf(directory, id);
    const isUnfinished = names.includes(id + MANIFEST + PARTIAL) && !names.includes(id + MANIFEST);
    if (isUnfinished) await rm(paths.file, { force: true });
    await rm(paths.partialFile, { force: true });
    // Last: it is what tells that the others are leftovers.
    await rm(paths.partialManifest, { force: true });
  }
}

/**
 * Removes all there is of a backup. Its manifest goes first: what is left when that is interrupted is no backup any more,
 * and is swept by the next run.
 */
export async function remove(directory: string, id: string): Promise<void> {
  const paths = pathsOf(directory, id);
  await ifExists(publish(paths.manifest, paths.partialManifest));
  await rm(paths.file, { force: true });
  await rm(paths.partialFile, { force: true });
  await rm(paths.newManifest, { force: true });
  await rm(paths.partialManifest, { force: true });
  await syncDirectory(directory);
}

async function namesIn(directory: string): Promise<string[]> {
  // Before the first backup there is no directory.
  return (await ifExists(readdir(directory))) ?? [];
}

function idsWith(names: readonly string[], endings: readonly string[]): string[] {
  const ids = names.flatMap((name) =>
    endings.filter((ending) => name.endsWith(ending)).map((ending) => name.slice(0, -ending.length)),
  );
  return [...new Set(ids)].filter(isBackupId);
}
