/** Runs programs as PostgreSQL's account: its own, and short ones that find out what that account can reach. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { messageOf } from '../../lib/errors.js';
import type { Account } from './account.js';
import { ClusterError } from './errors.js';

export type Program = ChildProcessByStdio<null, null, Readable>;

/**
 * The whole environment of the programs: nothing of ours, which holds secrets, and no locale or time zone of the
 * machine, which would make one cluster differ from the next.
 */
const environment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/**
 * Starts a program of which we read stderr.
 * @param deathSignal sent by the kernel when this process dies, however it dies. That takes setpriv of util-linux;
 * without it, the next start finds an orphan.
 * @param kill kills the program when aborted
 */
export async function startProgram(
  account: Account,
  deathSignal: 'INT' | 'KILL',
  file: string,
  args: readonly string[],
  kill?: AbortSignal,
): Promise<Program> {
  const [program, ...rest] = (await hasSetpriv()) ? setpriv(deathSignal, file, args) : [file, ...args];
  return spawn(program, rest, {
    ...runAs(account),
    cwd: '/',
    env: environment,
    // A session of its own: ^C in a terminal is for us, and we stop PostgreSQL when nobody needs it any more.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(kill && { signal: kill, killSignal: 'SIGKILL' }),
  });
}

/** Options of `spawn` that make the child run as `account`. */
export function runAs(account: Account): { uid?: number; gid?: number } {
  return account.foreign ? { uid: account.uid, gid: account.gid } : {};
}

/** Runs a short program as `account`; undefined when it succeeds, else the reason why not. */
export async function tryAs(
  account: Account,
  file: string,
  args: readonly string[],
): Promise<string | undefined> {
  try {
    await promisify(execFile)(file, args, { ...runAs(account), env: environment, cwd: '/', timeout: 30_000 });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Why `account` cannot work in `directory`; undefined when it can. */
export async function whyUnreachable(account: Account, directory: string): Promise<string | undefined> {
  if (!account.foreign) return undefined;
  return tryAs(account, '/bin/sh', ['-c', 'cd "$1" && test -x .', 'sh', directory]);
}

/**
 * Makes `directory`, which is `parent` or in it, and lets every user pass through both.
 * @param insteadOf where `account` could not get, for the message
 * @throws ClusterError when it cannot get here either
 */
export async function makeReachable(
  account: Account,
  parent: string,
  directory: string,
  insteadOf: string,
): Promise<void> {
  try {
    await fs.mkdir(directory, { recursive: true });
    for (const passed of new Set([parent, directory])) await fs.chmod(passed, 0o755);
  } catch (cause) {
    throw new ClusterError(
      `User id ${account.uid} cannot reach ${insteadOf}, and ${directory} cannot be made.`,
      { cause },
    );
  }
  const obstacle = await whyUnreachable(account, directory);
  if (obstacle === undefined) return;
  throw new ClusterError(
    `User id ${account.uid} can reach neither ${insteadOf} nor ${directory}: ${obstacle}`,
  );
}

function setpriv(signal: string, file: string, args: readonly string[]): [string, ...string[]] {
  return ['setpriv', '--pdeathsig', signal, file, ...args];
}

let setprivFound: Promise<boolean> | undefined;

function hasSetpriv(): Promise<boolean> {
  setprivFound ??= new Promise((resolve) => {
    if (process.platform !== 'linux') {
      resolve(false);
      return;
    }
    const [file, ...args] = setpriv('INT', 'true', []);
    execFile(file, args, { env: environment, cwd: '/' }, (error) => {
      resolve(error === null);
    });
  });
  return setprivFound;
}
