/**
 * Kills the service, PostgreSQL, or both at once with SIGKILL while senders are at work, again and again, and then
 * compares everything that was acknowledged with what is in the store.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createPool } from '../../src/store/database.js';
import { type RunningService, startService } from '../helpers/service.js';
import { type Audit, audit, type Counts, countsOf, flush } from './audit.js';
import { Driver } from './driver.js';

export interface Kill9Options {
  readonly rounds: number;
  readonly connections: number;
  /** Empty, and reachable for PostgreSQL's account. */
  readonly dataDir: string;
  /** Load before each kill: at least and at most, in ms. */
  readonly loadMs: readonly [number, number];
  readonly progress?: (line: string) => void;
}

export interface Kill9Report extends Audit {
  readonly kills: Readonly<Record<Target, number>>;
  readonly counts: Counts;
  readonly longestStallMs: number;
}

const targets = ['service', 'postgresql', 'both'] as const;
type Target = (typeof targets)[number];

const FLUSH_TIMEOUT_S = 120;

export async function kill9(options: Kill9Options): Promise<Kill9Report> {
  const { rounds, dataDir, connections, loadMs } = options;
  const start = (): Promise<RunningService> => startService({ DATA_DIR: dataDir, LOG_LEVEL: 'warn' });
  let service = await start();
  const driver = new Driver(() => service.url, connections);
  const ending = new AbortController();
  const driving = driver.drive(ending.signal);
  const kills = { service: 0, postgresql: 0, both: 0 };
  try {
    for (let round = 0; round < rounds; round++) {
      const [least, most] = loadMs;
      await delay(least + Math.random() * (most - least));
      const target = targets[round % targets.length] ?? 'service';
      if (target !== 'service') await killPostgres(dataDir);
      if (target !== 'postgresql') {
        await service.end('SIGKILL');
        service = await start();
      }
      kills[target]++;
      options.progress?.(
        `${round + 1}/${rounds} killed ${target}, ${driver.acknowledgements} acknowledged so far`,
      );
    }
    ending.abort();
    await driving;
    if (!(await flush(service.url, FLUSH_TIMEOUT_S))) throw new Error(`not drained:\n${service.output()}`);
    const counts = await countsOf(service.url);
    const pool = createPool(
      await embeddedAddress(dataDir),
      { name: 'audit', max: 1, statementTimeoutMs: 0 },
      () => undefined,
    );
    const result = await audit(pool, driver);
    await pool.end();
    return { ...result, kills, counts, longestStallMs: driver.longestStallMs };
  } finally {
    ending.abort();
    await service.end('SIGTERM');
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** What PostgreSQL wrote about itself: process id in line 1, port in line 4, socket directory in line 5. */
async function postmasterPid(dataDir: string): Promise<string[]> {
  return (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n');
}

export async function embeddedAddress(dataDir: string): Promise<Address> {
  const [, , , port, host] = await postmasterPid(dataDir);
  return { host: host ?? '', port: Number(port), user: 'call_logger', database: 'call_logger' };
}

/** Nothing when it is just down, such as while it is started again. */
export async function killPostgres(dataDir: string): Promise<void> {
  const lines = await postmasterPid(dataDir).catch(() => []);
  const pid = Number(lines[0]);
  if (pid > 1) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}
