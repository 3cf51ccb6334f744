/** How PostgreSQL is reached: by a Unix socket, and where that lies. */
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { errorCode } from '../../lib/errors.js';
import type { Account } from './account.js';
import type { DataDirectory } from './data-directory.js';
import { ClusterError } from './errors.js';
import { whyUnreachable } from './programs.js';

/** Fits `pg`'s client and pool configuration. */
export interface Address {
  /** The directory of the socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** Longest path of a Unix socket, in bytes: sun_path without its closing zero. */
const longestPath = process.platform === 'darwin' ? 103 : 107;
const connectTimeoutMs = 5_000;

/**
 * The directory of the cluster's socket, which only its account (and root) may enter, as whoever reaches the socket
 * is trusted. That is the data directory, or a short one for temporary files when its path is too long.
 * @throws ClusterError when no short directory can be had, or somebody else made it first
 */
export async function socketDirectory(data: DataDirectory, port: number): Promise<string> {
  const fits = (directory: string) =>
    Buffer.byteLength(path.join(directory, `.s.PGSQL.${port}`)) <= longestPath;
  if (fits(data.path)) return data.path;
  const name = `call-logger-${createHash('sha256').update(data.path).digest('hex').slice(0, 12)}`;
  const reasons: string[] = [];
  for (const parent of new Set([os.tmpdir(), '/tmp'])) {
    const directory = path.join(parent, name);
    const obstacle = fits(directory) ? await makePrivate(directory, data.account) : 'it is too long as well';
    if (obstacle === undefined) return directory;
    reasons.push(`${directory}: ${obstacle}`);
  }
  const why = `The path of ${data.path} is too long for a Unix socket, and there is no short one`;
  throw new ClusterError(`${why}: ${reasons.join('; ')}`);
}

/** Removes a socket directory that lies outside the cluster. */
export async function removeSocketDirectory(data: DataDirectory, directory: string): Promise<void> {
  if (directory !== data.path) await fs.rm(directory, { recursive: true, force: true });
}

/** Why `directory` cannot be made private to `account`; undefined when it is. */
async function makePrivate(directory: string, account: Account): Promise<string | undefined> {
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

/** A client that is open while `use` runs. */
export async function withClient<T>(address: Address, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...address, connectionTimeoutMillis: connectTimeoutMs });
  // A connection that breaks fails the query too; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
