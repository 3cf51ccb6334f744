/** A spool on disk, a pool and a drain between them, put together as the service does it. */
import { join } from 'node:path';
import { pino } from 'pino';
import type pg from 'pg';
import { Drain, type DrainOptions } from '../../src/drain/drain.js';
import { openSpool, type Spool, type SpoolOptions } from '../../src/spool/spool.js';
import { createPool } from '../../src/store/database.js';
import type { OutcomeCounts } from '../../src/store/write/outcome.js';
import type { Teardown } from './postgres.js';
import { temporaryDirectory } from './service.js';

export interface DrainHouse {
  readonly directory: string;
  readonly spool: Spool;
  readonly drain: Drain;
  readonly pool: pg.Pool;
  /** Stops the drain, then closes spool and pool. Can be called again. */
  close(): Promise<void>;
}

export interface HouseOptions extends Partial<DrainOptions> {
  /** Default: a new one. */
  readonly directory?: string;
  readonly spool?: Partial<SpoolOptions>;
  readonly statementTimeoutMs?: number;
  /** False: the test starts the drain. */
  readonly started?: boolean;
}

const STOP_WITHIN_MS = 20_000;
/** For `flush`: far more than any test needs. */
export const IN_TIME_MS = 30_000;

export const silent = pino({ level: 'silent' });

/** A pool as the drain has it, ended with the test unless it was ended before. */
export function drainPool(t: Teardown, url: string, max = 3, statementTimeoutMs = 60_000): pg.Pool {
  const options = { name: 'test', max, statementTimeoutMs };
  const pool = createPool({ connectionString: url }, options, () => undefined);
  t.teardown(async () => {
    if (!pool.ending) await pool.end();
  });
  return pool;
}

export async function openHouse(t: Teardown, url: string, options: HouseOptions = {}): Promise<DrainHouse> {
  const { concurrency = 2, batchMaxEvents = 500, batchMaxWaitMs = 1 } = options;
  const directory = options.directory ?? join(await temporaryDirectory(t), 'spool');
  const pool = drainPool(t, url, concurrency + 1, options.statementTimeoutMs);
  const spool = await openSpool({ directory, maxBytes: 2 ** 26, ...options.spool });
  const retry = options.retry ?? { firstMs: 5, maxMs: 20 };
  const drain = new Drain(spool, { concurrency, batchMaxEvents, batchMaxWaitMs, retry }, silent);
  if (options.started !== false) drain.start(pool);
  const close = async (): Promise<void> => {
    await drain.stop(STOP_WITHIN_MS);
    await spool.close();
    if (!pool.ending) await pool.end();
  };
  t.teardown(close);
  return { directory, spool, drain, pool, close };
}

export type Account = OutcomeCounts & { readonly accepted: number; readonly spooled: number };

/** Both sides of the account, read in one tick. Throws when it does not balance. */
export function accountOf({ spool, drain }: Pick<DrainHouse, 'spool' | 'drain'>): Account {
  const { accepted, spooled } = spool.stats();
  const { totals } = drain;
  if (totals === null) throw new Error('the drain does not know yet what is stored');
  const account = { accepted, spooled, ...totals };
  if (accepted !== totals.stored + totals.duplicate + totals.deadLetter + spooled)
    throw new Error(`the account does not balance: ${JSON.stringify(account)}`);
  return account;
}

/** Connections to this database that wait for a lock. The pool's own must not be in a transaction, which sees one moment. */
export async function lockWaiters(pool: pg.Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rowCount ?? 0;
}

/** Waits for a condition that nothing announces. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
