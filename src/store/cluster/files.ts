import fs from 'node:fs/promises';
import { errorCode } from '../../lib/errors.js';

export function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT';
}

export function isForbidden(error: unknown): boolean {
  return errorCode(error) === 'EACCES';
}

/** The text of a file, or undefined when there is no such file. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Replaces a file at once, private to `owner`. Written so that it is safe for root in a directory of another user:
 * a link put in its way is never followed.
 */
export async function replaceFile(
  file: string,
  text: string,
  owner?: { uid: number; gid: number },
): Promise<void> {
  const draft = `${file}.new`;
  await fs.rm(draft, { force: true });
  const handle = await fs.open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    if (owner) await handle.chown(owner.uid, owner.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.rename(draft, file);
}

/** Makes renames and new names in a directory survive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await fs.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
