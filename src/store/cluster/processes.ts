/**
 * What the system knows about processes: from /proc where there is one, else from `ps`.
 * Every answer may be out of date when it arrives; a process id alone identifies nothing, as ids are used again.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { errorCode } from '../../lib/errors.js';

const hasProc = fs.existsSync('/proc/self/stat');

interface Stat {
  readonly command: string;
  readonly state: string;
  readonly parent: number;
}

/** Whether `pid` runs. A zombie does not. */
export function isAlive(pid: number): boolean {
  if (hasProc) {
    const stat = readStat(pid);
    return stat !== undefined && stat.state !== 'Z';
  }
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
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

/** Sends a signal; false when there is no such process any more. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

function readStat(pid: number): Stat | undefined {
  const text = readText(`/proc/${pid}/stat`);
  // "pid (command) state ppid …": the command may hold spaces and parentheses itself.
  const match = /^\d+ \((.*)\) (.*)$/s.exec(text ?? '');
  if (!match) return undefined;
  const [, command = '', rest = ''] = match;
  const [state = '', parent] = rest.split(' ');
  return { command, state, parent: Number(parent) };
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
