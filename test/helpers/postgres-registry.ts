/**
 * Who uses the shared test server, and where it is. All of it lies in one small directory per project and
 * user, because test files, tap and the keeper are processes of their own.
 *
 *     owners/PID     one empty file per process that needs the server; a dead process does not count
 *     address.json   where the server is, written when it answers, withdrawn before it stops
 *     starting       the process that starts a keeper just now
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { root } from './program.js';

const key = createHash('sha256').update(root).digest('hex').slice(0, 8);

export const controlDirectory = path.join(os.tmpdir(), `call-logger-test-${process.getuid?.() ?? 0}-${key}`);
export const keeperLog = path.join(controlDirectory, 'keeper.log');
const owners = path.join(controlDirectory, 'owners');
const addressFile = path.join(controlDirectory, 'address.json');
const startingFile = path.join(controlDirectory, 'starting');

export interface Address {
  /** The keeper's process. */
  readonly pid: number;
  /** The directory that holds the server's files, removed with it. */
  readonly run: string;
  /** A maintenance database of a role that may create databases. */
  readonly url: string;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Keeps the server alive for as long as process `pid` lives or until `deregister(pid)`. */
export async function register(pid: number): Promise<void> {
  for (;;) {
    await fs.mkdir(owners, { recursive: true });
    // A keeper that goes away may remove the empty directory in between.
    const done = await fs.writeFile(path.join(owners, String(pid)), '').then(
      () => true,
      () => false,
    );
    if (done) return;
  }
}

export async function deregister(pid: number): Promise<void> {
  await fs.rm(path.join(owners, String(pid)), { force: true });
}

/** The registered processes that live; the files of dead ones are removed. */
export async function livingOwners(): Promise<number[]> {
  const names = await fs.readdir(owners).catch((): string[] => []);
  const pids = names.map(Number);
  await Promise.all(pids.filter((pid) => !isAlive(pid)).map(deregister));
  return pids.filter(isAlive);
}

export async function publishAddress(address: Address): Promise<void> {
  await fs.writeFile(`${addressFile}.new`, JSON.stringify(address));
  await fs.rename(`${addressFile}.new`, addressFile);
}

export async function withdrawAddress(): Promise<void> {
  await fs.rm(addressFile, { force: true });
}

/** The address of a keeper that lives. What a dead one left behind is removed. */
export async function readAddress(): Promise<Address | undefined> {
  const text = await fs.readFile(addressFile, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // Written by publishAddress only.
  const address = JSON.parse(text) as Address;
  if (isAlive(address.pid)) return address;
  await withdrawAddress();
  await fs.rm(address.run, { recursive: true, force: true });
  return undefined;
}

/** Makes this process the only one that starts a keeper; false when another does. */
export async function claimStart(): Promise<boolean> {
  try {
    await fs.writeFile(startingFile, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const pid = Number(await fs.readFile(startingFile, 'utf8').catch(() => '0'));
    if (pid > 0 && !isAlive(pid)) await releaseStart();
    return false;
  }
}

export async function releaseStart(): Promise<void> {
  await fs.rm(startingFile, { force: true });
}

/** Removes the directory of all this, unless somebody has registered meanwhile. */
export async function removeControlDirectory(): Promise<void> {
  if ((await livingOwners()).length > 0) return;
  await fs.rm(keeperLog, { force: true });
  await fs.rmdir(owners).catch(() => undefined);
  await fs.rmdir(controlDirectory).catch(() => undefined);
}
