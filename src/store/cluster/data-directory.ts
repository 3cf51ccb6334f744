import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from '../../lib/errors.js';
import { ifExists } from '../../lib/if-exists.js';
import { type Account, chooseAccount } from './account.js';
import { ClusterError } from './errors.js';
import { makeReachable, whyUnreachable } from './programs.js';

/** Where the cluster goes when the service runs as root and PostgreSQL's account cannot reach the data directory. */
export const defaultFallback = '/var/lib/call-logger';

/** PostgreSQL's data directory, and the account that owns it. */
export interface DataDirectory {
  /** A real path: processes of the cluster are recognised by it. */
  readonly path: string;
  readonly account: Account;
  /** What an operator would not expect, in whole sentences. */
  readonly notes: readonly string[];
}

/**
 * Resolves where the cluster of `dataDir` is. That is `dataDir` itself, unless the service runs as root and the
 * account that PostgreSQL then runs as cannot get there (a checkout under /root): then it is below `fallback`, and a
 * note says so.
 *
 * A cluster that exists is never passed over for an empty one: where it cannot be reached any more, that is an error.
 *
 * @throws ClusterError
 */
export async function resolveDataDirectory(dataDir: string, fallback: string): Promise<DataDirectory> {
  await fs.mkdir(path.dirname(path.resolve(dataDir)), { recursive: true });
  const [wanted, moved] = await possiblePaths(dataDir, fallback);
  const owner = await ownerOf(wanted);
  const ownerOfMoved = await ownerOf(moved);
  const account = await chooseAccount(wanted, owner ?? ownerOfMoved);
  const obstacle = await whyUnreachable(account, owner ? wanted : path.dirname(wanted));

  if (owner && obstacle !== undefined) {
    const advice = `Make the directories above it passable (chmod o+x), or run the service as its owner.`;
    throw new ClusterError(
      `User id ${account.uid} cannot reach the cluster in ${wanted}: ${obstacle}. ${advice}`,
    );
  }
  if (owner || (obstacle === undefined && !ownerOfMoved)) return { path: wanted, account, notes: [] };
  await makeReachable(account, fallback, path.dirname(moved), wanted);
  const note = `The PostgreSQL data is in ${moved}, because user id ${account.uid} cannot reach ${wanted}.`;
  return { path: moved, account, notes: [note] };
}

/** Where the cluster of `dataDir` may be: there, or below `fallback`. The directory above `dataDir` has to exist. */
export async function possiblePaths(
  dataDir: string,
  fallback: string,
): Promise<readonly [wanted: string, moved: string]> {
  const full = path.resolve(dataDir);
  const real = await ifExists(fs.realpath(full));
  const wanted = real ?? path.join(await fs.realpath(path.dirname(full)), path.basename(full));
  const hash = createHash('sha256').update(wanted).digest('hex').slice(0, 12);
  return [wanted, path.join(fallback, hash, 'postgres')];
}

/** The owner of the cluster in a directory; undefined when there is no cluster. */
async function ownerOf(directory: string): Promise<{ uid: number; gid: number } | undefined> {
  try {
    if (!(await ifExists(fs.stat(path.join(directory, 'PG_VERSION'))))) return undefined;
  } catch (error) {
    // A directory we may not look into is the cluster of somebody else.
    if (errorCode(error) !== 'EACCES') throw error;
  }
  const { uid, gid } = await fs.stat(directory);
  return { uid, gid };
}
