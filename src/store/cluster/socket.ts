import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { errorCode } from '../../lib/errors.js';
import { whyUnreachable } from './account.js';
import { ClusterError } from './errors.js';
import type { Place } from './data-directory.js';

/** Longest path of a Unix socket, in bytes: sun_path without its closing zero. */
const longestPath = process.platform === 'darwin' ? 103 : 107;

/**
 * The directory of the cluster's socket, which only its account (and root) may enter, as whoever reaches the socket
 * is trusted. That is the data directory, or a short one for temporary files when its path is too long.
 * @throws ClusterError when no short directory can be had, or somebody else made it first
 */
export async function socketDirectory(place: Place, port: number): Promise<string> {
  const fits = (directory: string) =>
    Buffer.byteLength(path.join(directory, `.s.PGSQL.${port}`)) <= longestPath;
  if (fits(place.directory)) return place.directory;
  const name = `call-logger-${createHash('sha256').update(place.directory).digest('hex').slice(0, 12)}`;
  const reasons: string[] = [];
  for (const parent of new Set([os.tmpdir(), '/tmp'])) {
    const directory = path.join(parent, name);
    const obstacle = fits(directory) ? await makePrivate(directory, place) : 'it is too long as well';
    if (obstacle === undefined) return directory;
    reasons.push(`${directory}: ${obstacle}`);
  }
  const why = `The path of ${place.directory} is too long for a Unix socket, and there is no short one`;
  throw new ClusterError(`${why}: ${reasons.join('; ')}`);
}

/** Removes a socket directory that lies outside the cluster. */
export async function removeSocketDirectory(place: Place, directory: string): Promise<void> {
  if (directory !== place.directory) await fs.rm(directory, { recursive: true, force: true });
}

/** Why `directory` cannot be made private to the account of `place`; undefined when it is. */
async function makePrivate(directory: string, place: Place): Promise<string | undefined> {
  const { account } = place;
  try {
    await fs.mkdir(directory, { mode: 0o700 });
    if (account.foreign) await fs.chown(directory, account.uid, account.gid);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'its parent does not exist';
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  const stat = await fs.lstat(directory);
  if (!stat.isDirectory() || stat.uid !== account.uid) return 'it belongs to somebody else';
  if ((stat.mode & 0o077) !== 0) return 'others may enter it';
  return whyUnreachable(account, directory);
}
