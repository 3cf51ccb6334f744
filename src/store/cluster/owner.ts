/**
 * Which service a cluster belongs to: a file beside its directory with the process id of the service and what tells
 * this process from later ones of the same id. A service that was killed leaves the file behind; it counts for
 * nothing once that process is gone.
 */
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import { errorCode } from '../../lib/errors.js';
import { ifExists } from '../../lib/if-exists.js';
import { ClusterInUseError } from './errors.js';
import { identityOf } from './processes.js';

interface Owner {
  readonly pid: number;
  readonly identity: string;
}

/**
 * Makes this process the owner.
 * @returns whether a dead service owned the cluster before, so that what still runs there is an orphan
 * @throws ClusterInUseError when a living service, this process included, owns it
 */
export async function claimCluster(directory: string): Promise<{ inherited: boolean }> {
  const file = ownerFile(directory);
  const draft = uniqueName(file);
  await fs.writeFile(draft, ourMark(), { flag: 'wx', mode: 0o600 });
  try {
    // A link, because it appears with its content and never replaces another one.
    for (let inherited = false; ;) {
      if (await link(draft, file)) return { inherited };
      const found = await ifExists(fs.readFile(file, 'utf8'));
      if (found === undefined) continue;
      const owner = parseOwner(found);
      if (owner && identityOf(owner.pid) === owner.identity) {
        throw new ClusterInUseError(
          `The cluster in ${directory} is in use by the service with process id ${owner.pid}.`,
        );
      }
      inherited = true;
      await removeMark(file, found);
    }
  } finally {
    await fs.rm(draft, { force: true });
  }
}

export async function ownsCluster(directory: string): Promise<boolean> {
  return (await ifExists(fs.readFile(ownerFile(directory), 'utf8'))) === ourMark();
}

export async function releaseCluster(directory: string): Promise<void> {
  await fs.rm(ownerFile(directory), { force: true });
}

/** Removes the mark of a dead owner, and only that: between reading and removing, another may have put up its own. */
async function removeMark(file: string, expected: string): Promise<void> {
  const aside = uniqueName(file);
  try {
    await fs.rename(file, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  if ((await fs.readFile(aside, 'utf8')) !== expected) await link(aside, file);
  await fs.rm(aside);
}

/** False when `file` exists. */
async function link(source: string, file: string): Promise<boolean> {
  try {
    await fs.link(source, file);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function ourMark(): string {
  return JSON.stringify({ pid: process.pid, identity: identityOf(process.pid) ?? '' } satisfies Owner);
}

function ownerFile(directory: string): string {
  return `${directory}.owner`;
}

function uniqueName(file: string): string {
  return `${file}.${randomBytes(4).toString('hex')}`;
}

/** Undefined for a file that was torn by a power cut: its writer cannot be alive. */
function parseOwner(text: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('identity' in value))
      return undefined;
    return { pid: Number(value.pid), identity: String(value.identity) };
  } catch {
    return undefined;
  }
}
