import fs from 'node:fs/promises';
import path from 'node:path';
import { ifExists } from '../../lib/if-exists.js';
import { defaultFallback, possiblePaths } from './data-directory.js';
import { isPostgresIn } from './processes.js';
import { serviceName } from './roles.js';
import type { Address } from './socket.js';

/** What a postmaster wrote into its lock file, postmaster.pid. It may be gone. */
export interface LockFile {
  readonly pid: number;
  readonly port: number;
  /** Empty until it listens. */
  readonly socketDirectory: string;
}

/** Undefined when there is no lock file in the data directory. */
export async function readLockFile(directory: string): Promise<LockFile | undefined> {
  const text = await ifExists(fs.readFile(path.join(directory, 'postmaster.pid'), 'utf8'));
  if (text === undefined) return undefined;
  // Manual, "Database File Layout": process id, data directory, start time, port, socket directory, …
  const [pid, , , port, socketDirectory = ''] = text.split('\n');
  return { pid: Math.abs(Number(pid)), port: Number(port), socketDirectory };
}

/**
 * How to reach the embedded cluster of `dataDir` as the service does, when a process of ours runs it: for commands
 * beside a running service. Undefined when none runs.
 * @param dataDir DATA_DIR/postgres
 */
export async function findRunningCluster(
  dataDir: string,
  fallback = defaultFallback,
): Promise<Address | undefined> {
  if (!(await ifExists(fs.stat(path.dirname(path.resolve(dataDir)))))) return undefined;
  for (const directory of await possiblePaths(dataDir, fallback)) {
    const lock = await readLockFile(directory);
    if (!lock?.socketDirectory || !isPostgresIn(lock.pid, directory)) continue;
    return { host: lock.socketDirectory, port: lock.port, user: serviceName, database: serviceName };
  }
  return undefined;
}
