import { spawn, type ChildProcessByStdio } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Test } from 'tap';
import { createCluster, type Cluster, type ClusterOptions } from '../../../src/store/cluster/cluster.js';
import { tryAs } from '../../../src/store/cluster/programs.js';
import type { Address } from '../../../src/store/cluster/socket.js';
import { fileOf, loader } from '../../helpers/program.js';

export const nobody = { uid: 65_534, gid: 65_534 };
export const isRoot = process.getuid?.() === 0;
export const needsRoot = isRoot ? false : 'only root can change users';

/** A temporary directory in which every user may pass, removed at the end. */
export async function temporaryDirectory(t: Test): Promise<string> {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'clc-'));
  await fs.chmod(directory, 0o755);
  t.teardown(() => fs.rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A cluster that is stopped at the end; quick, because it needs to survive only its own crashes. */
export function testCluster(
  t: Test,
  options: Omit<ClusterOptions, 'log' | 'port'> & { port?: number; onError?: (message: string) => void },
): Cluster {
  const log = {
    info: () => undefined,
    warn: () => undefined,
    error: (_: object, message: string) => options.onError?.(message),
  };
  const cluster = createCluster({
    port: 0,
    ...options,
    log,
    settings: { fsync: 'off', ...options.settings },
  });
  t.teardown(() => cluster.stop());
  return cluster;
}

export async function query(connection: Address & { password?: string }, sql: string): Promise<unknown[]> {
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows.flatMap((row) => Object.values(row));
  } finally {
    await client.end();
  }
}

/** The process id in the cluster's lock file. */
export async function postmasterPid(directory: string): Promise<number> {
  return Number((await fs.readFile(path.join(directory, 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5);
}

export type Service = ChildProcessByStdio<null, Readable, null>;

/** A process of its own that runs a cluster until it is killed. */
export function spawnService(t: Test, dataDir: string, as?: { uid: number; gid: number }): Service {
  const script = fileOf(new URL('service', import.meta.url));
  const env = { ...process.env };
  delete env['NODE_OPTIONS'];
  const service = spawn(process.execPath, [...loader, script, dataDir], {
    cwd: path.dirname(script),
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
    ...as,
  });
  t.teardown(() => service.kill('SIGKILL'));
  return service;
}

/** Why user `nobody` cannot run our sources; false when it can. */
export async function needsReadableCheckout(): Promise<string | false> {
  if (!isRoot) return needsRoot;
  const script = fileOf(new URL('service', import.meta.url));
  const look = `require('node:fs').readFileSync(${JSON.stringify(script)})`;
  const failure = await tryAs({ ...nobody, foreign: true }, process.execPath, ['-e', look]);
  return failure === undefined ? false : 'other users cannot read this checkout, or not run this node';
}

/** What the service prints once it is up. */
export async function announcement(service: Service): Promise<{ connection: Address; uid: number }> {
  for await (const line of createInterface({ input: service.stdout })) {
    // service.ts writes exactly this.
    return JSON.parse(line) as { connection: Address; uid: number };
  }
  throw new Error('the service ended without a word');
}

export async function kill(service: Service): Promise<void> {
  const gone = new Promise((resolve) => service.once('exit', resolve));
  service.kill('SIGKILL');
  await gone;
}
