import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { syncDirectory } from '../../lib/durable-files.js';
import { ifExists } from '../../lib/if-exists.js';
import type { DataDirectory } from './data-directory.js';
import { ClusterError } from './errors.js';
import { startProgram } from './programs.js';
import { superuser } from './roles.js';

/**
 * Written into postgresql.conf once, where an operator may change them for a larger machine.
 * Durability (fsync, synchronous_commit, full_page_writes) stays as PostgreSQL has it: on.
 */
const tuning = {
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  max_connections: '60',
  jit: 'off',
  timezone: 'UTC',
};

/**
 * Makes the cluster unless it is there. It is made under another name and renamed when complete, so a crash never
 * leaves half a cluster; what a crash left under such a name is removed.
 *
 * Text is UTF-8 with PostgreSQL's own C.UTF-8 rules (provider "builtin"): they are the same on every system and in
 * every version of its C library and ICU, so indexes stay valid when the directory moves to another machine or image.
 *
 * @param initdb the program
 * @param sync whether the new files have to survive a power cut
 * @returns whether it was made now
 */
export async function initialise(
  data: DataDirectory,
  initdb: string,
  sync: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const { path: directory, account } = data;
  await removeDrafts(directory);
  const entries = (await ifExists(fs.readdir(directory))) ?? [];
  if (entries.includes('PG_VERSION')) {
    await adopt(data);
    return false;
  }
  if (entries.length > 0) {
    throw new ClusterError(
      `${directory} holds files, but no PostgreSQL cluster. Move them away, or set DATA_DIR.`,
    );
  }
  const draft = `${draftPrefix(directory)}${randomBytes(4).toString('hex')}`;
  await fs.mkdir(draft, { mode: 0o700 });
  try {
    if (account.foreign) await fs.chown(draft, account.uid, account.gid);
    await runInitdb({ path: draft, account }, initdb, sync, signal);
    await fs.rename(draft, directory);
  } catch (error) {
    await fs.rm(draft, { recursive: true, force: true });
    throw error;
  }
  if (sync) await syncDirectory(path.dirname(directory));
  return true;
}

type Target = Pick<DataDirectory, 'path' | 'account'>;

async function runInitdb(target: Target, initdb: string, sync: boolean, signal: AbortSignal): Promise<void> {
  const options = ['-D', target.path, '-U', superuser, '--auth-local=trust', '--auth-host=scram-sha-256'];
  options.push('--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8');
  options.push('--data-checksums', '--no-instructions');
  if (!sync) options.push('--no-sync');
  for (const [name, value] of Object.entries(tuning)) options.push('--set', `${name}=${value}`);
  // Killed and not asked to stop: initdb has nothing to save, and a late clean-up of its own could only be in the way.
  const child = await startProgram(target.account, 'KILL', initdb, options, signal);
  const exit = new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => {
      resolve(error.message);
    });
    child.once('close', (code, killedBy) => {
      resolve(code === 0 ? undefined : `exit ${code ?? String(killedBy)}`);
    });
  });
  const [failure, errors] = await Promise.all([exit, text(child.stderr)]);
  signal.throwIfAborted();
  if (failure !== undefined)
    throw new ClusterError(`initdb failed (${failure}): ${errors.trim().slice(-2_000)}`);
}

/** A cluster that was put here by root, as by a copy, is handed to the account that runs it. */
async function adopt({ path: directory, account }: DataDirectory): Promise<void> {
  if (!account.foreign || (await fs.stat(directory)).uid === account.uid) return;
  const entries = await fs.readdir(directory, { recursive: true });
  for (const entry of entries) await fs.lchown(path.join(directory, entry), account.uid, account.gid);
  await fs.lchown(directory, account.uid, account.gid);
}

async function removeDrafts(directory: string): Promise<void> {
  const parent = path.dirname(directory);
  for (const name of await fs.readdir(parent)) {
    const file = path.join(parent, name);
    if (file.startsWith(draftPrefix(directory))) await fs.rm(file, { recursive: true, force: true });
  }
}

function draftPrefix(directory: string): string {
  return `${directory}.init-`;
}
