/** What is on the disk when the call resolves, and is still there after a loss of power. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Makes names in a directory durable: those created, renamed and removed. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the directory and its missing parents, for their owner only. */
export async function makeDirectory(directory: string): Promise<void> {
  const firstMade = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (firstMade === undefined) return;
  const top = dirname(firstMade);
  for (let made = resolve(directory); made !== top && made !== dirname(made); made = dirname(made)) {
    await syncDirectory(dirname(made));
  }
}

/**
 * Writes a file for its owner only; durable once its name is, too (`publish`). Safe for root in a directory of another
 * user: what stands under that name is removed, and a link put in its place is not followed.
 */
export async function writeSynced(
  path: string,
  text: string,
  owner?: { uid: number; gid: number },
): Promise<void> {
  await rm(path, { force: true });
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    if (owner) await handle.chown(owner.uid, owner.gid);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Gives a synced file its final name. */
export async function publish(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

/** Replaces a small file: readers see the old text or the new one. `path.new` is used on the way. */
export async function replaceFile(
  path: string,
  text: string,
  owner?: { uid: number; gid: number },
): Promise<void> {
  const draft = `${path}.new`;
  await writeSynced(draft, text, owner);
  await publish(draft, path);
}
