/**
 * The processes of the system, from /proc where there is one, else from `ps`; and how they are ended.
 * Every answer may be out of date when it arrives; a process id alone identifies nothing, as ids are used again.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterError } from './errors.js';

const hasProc = fs.existsSync('/proc/self/stat');

interface Stat {
  readonly command: string;
  readonly parent: number;
}

/** Whether a process has this id and would take our signals, or PostgreSQL's. */
export function isAlive(pid: number): boolean {
  return signal(pid, 0);
}

export function parentOf(pid: number): number | undefined {
  if (hasProc) return readStat(pid)?.parent;
  const parent = Number(ps(pid, 'ppid='));
  return parent > 0 ? parent : undefined;
}

/** Whether `pid` is a PostgreSQL process of the cluster in `directory` (a real path). */
export function isPostgresIn(pid: number, directory: string): boolean {
  if (!hasProc) return ps(pid, 'command=')?.includes(directory) ?? false;
  // All processes of a cluster work in its directory, and keep their command name when they change their title.
  return readStat(pid)?.command === 'postgres' && workingDirectory(pid) === directory;
}

/** The PostgreSQL processes of the cluster in `directory`, main process or not; empty where there is no /proc. */
export function postgresProcessesIn(directory: string): number[] {
  if (!hasProc) return [];
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isPostgresIn(pid, directory));
}

/** Sends a signal, or with 0 none; false when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** How long each request to end may take before the next, harsher one. */
const patienceMs = 5_000;
const pollMs = 20;

/**
 * Waits until `remaining()` is empty, asking with one signal after the other; undefined only waits.
 * @throws ClusterError when some are still there after the last
 */
export async function terminate(
  remaining: () => number[],
  steps: readonly (NodeJS.Signals | undefined)[],
): Promise<void> {
  for (const step of steps) {
    if (step) for (const pid of remaining()) signal(pid, step);
    const end = Date.now() + patienceMs;
    while (Date.now() < end) {
      if (remaining().length === 0) return;
      await sleep(pollMs);
    }
  }
  throw new ClusterError(`PostgreSQL processes do not end: ${remaining().join(', ')}.`);
}

function readStat(pid: number): Stat | undefined {
  const text = readText(`/proc/${pid}/stat`);
  // "pid (command) state ppid …": the command may hold spaces and parentheses itself.
  const match = /^\d+ \((.*)\) (.*)$/s.exec(text ?? '');
  if (!match) return undefined;
  const [, command = '', rest = ''] = match;
  return { command, parent: Number(rest.split(' ')[1]) };
}

function workingDirectory(pid: number): string | undefined {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function readText(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function ps(pid: number, column: string): string | undefined {
  try {
    return execFileSync('ps', ['-o', column, '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}
