import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from '../../lib/errors.js';
import { ifExists } from '../../lib/if-exists.js';
import { chooseAccount, tryAs, whyUnreachable, type Account } from './account.js';
import { ClusterError } from './errors.js';
import { copyInstallation, findInstallation, versionOf, type Installation } from './installation.js';

/** Where a cluster lies, and what runs it as whom. */
export interface Place {
  /** A real path: processes of the cluster are recognised by it. */
  readonly directory: string;
  readonly installation: Installation;
  readonly account: Account;
  /** What an operator would not expect, in whole sentences. */
  readonly notes: readonly string[];
}

/**
 * Decides where the cluster of `dataDir` lies. That is `dataDir` itself, with the installed programs, unless the
 * service runs as root and the account that PostgreSQL then runs as cannot get there (a checkout under /root): then
 * the cluster, the programs, or both go below `fallback`, and a note says so.
 *
 * A cluster that exists is never passed over for an empty one: where it cannot be reached any more, that is an error.
 *
 * @throws ClusterError
 */
export async function choosePlace(dataDir: string, fallback: string): Promise<Place> {
  await fs.mkdir(path.dirname(path.resolve(dataDir)), { recursive: true });
  const { wanted, moved, elsewhere } = await possiblePlaces(dataDir, fallback);
  const notes: string[] = [];

  const owner = await ownerOf(wanted);
  const hasMoved = (await ownerOf(elsewhere)) !== undefined;
  const account = await chooseAccount(wanted, owner ?? (await ownerOf(elsewhere)));
  const obstacle = await whyUnreachable(account, owner ? wanted : path.dirname(wanted));

  let directory = wanted;
  if (owner && obstacle !== undefined) {
    const advice = `Make the directories above it passable (chmod o+x), or run the service as its owner.`;
    throw new ClusterError(
      `User id ${account.uid} cannot reach the cluster in ${wanted}: ${obstacle}. ${advice}`,
    );
  }
  if (!owner && (obstacle !== undefined || hasMoved)) {
    directory = elsewhere;
    await makePassable(fallback, moved, account, wanted);
    notes.push(
      `The PostgreSQL data lies in ${directory}, because user id ${account.uid} cannot reach ${wanted}.`,
    );
  }

  let installation = await findInstallation();
  const failure = await tryAs(account, installation.postgres, ['--version']);
  if (failure !== undefined) {
    if (!account.foreign) throw notRunnable(installation, failure);
    await makePassable(fallback, fallback, account, installation.directory);
    const target = path.join(fallback, `programs-${await versionOf(installation)}`);
    notes.push(
      `PostgreSQL's programs were copied to ${target}, because user id ${account.uid} cannot run ${installation.postgres}.`,
    );
    installation = await copyInstallation(installation, target);
    const again = await tryAs(account, installation.postgres, ['--version']);
    if (again !== undefined) throw notRunnable(installation, again);
  }
  return { directory, installation, account, notes };
}

/** Where the cluster of `dataDir` may lie: there, or below `fallback`. The directory above `dataDir` has to exist. */
export async function possiblePlaces(
  dataDir: string,
  fallback: string,
): Promise<{ wanted: string; moved: string; elsewhere: string }> {
  const wanted = await realPath(dataDir);
  const moved = path.join(fallback, createHash('sha256').update(wanted).digest('hex').slice(0, 12));
  return { wanted, moved, elsewhere: path.join(moved, 'postgres') };
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

async function realPath(dataDir: string): Promise<string> {
  const full = path.resolve(dataDir);
  const real = await ifExists(fs.realpath(full));
  return real ?? path.join(await fs.realpath(path.dirname(full)), path.basename(full));
}

async function makePassable(
  fallback: string,
  target: string,
  account: Account,
  instead: string,
): Promise<void> {
  try {
    await fs.mkdir(target, { recursive: true });
    for (const directory of new Set([fallback, target])) await fs.chmod(directory, 0o755);
  } catch (cause) {
    throw new ClusterError(`User id ${account.uid} cannot reach ${instead}, and ${target} cannot be made.`, {
      cause,
    });
  }
  const obstacle = await whyUnreachable(account, target);
  if (obstacle === undefined) return;
  throw new ClusterError(`User id ${account.uid} can reach neither ${instead} nor ${target}: ${obstacle}`);
}

function notRunnable(installation: Installation, why: string): ClusterError {
  const advice = 'It needs glibc (not Alpine). Or set DATABASE_URL to use a PostgreSQL of your own.';
  return new ClusterError(
    `The embedded PostgreSQL ${installation.postgres} does not run: ${why.trim()}. ${advice}`,
  );
}
