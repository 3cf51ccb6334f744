import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { errorCode, messageOf } from '../../lib/errors.js';
import { type ConnectionTarget, createPool } from '../../store/database.js';
import { withConnection } from '../../store/connections.js';
import { CannotVerifyError, RestoreRefusedError } from './errors.js';
import { findOurs } from './tables.js';
import { lockTarget, withDatabase } from './target.js';

/** Where a backup may be restored on trial. */
export type Scratch =
  /** In a new database on the store's server, dropped afterwards. */
  | { readonly kind: 'beside'; readonly pool: pg.Pool; readonly target: ConnectionTarget }
  /** In a database that somebody gave for it (`VERIFY_DATABASE_URL`), which is left as it was. */
  | { readonly kind: 'given'; readonly target: ConnectionTarget };

/**
 * Runs the work in a transaction of an empty database that is rolled back in any case: whatever happens to this process,
 * there is never anything of the trial that others could see or that would have to be cleaned up by hand.
 * @throws CannotVerifyError when there is no such database
 */
export async function inScratch<T>(
  scratch: Scratch,
  signal: AbortSignal,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  if (scratch.kind === 'beside') return inNewDatabase(scratch, signal, work);
  await requireReachable(scratch.target, GIVEN);
  return inDatabase(scratch.target, GIVEN, signal, work);
}

const GIVEN = 'VERIFY_DATABASE_URL';

/** Of a database that is not the store's: that it is away is not to be told as if the store were. */
async function requireReachable(target: ConnectionTarget, called: string): Promise<void> {
  const pool = createPool(target, { name: 'verify', max: 1, statementTimeoutMs: 0 }, () => undefined);
  try {
    await pool.query('select');
  } catch (error) {
    // A name with several addresses fails with several errors and no message.
    const reason = messageOf(error) || errorCode(error);
    throw new CannotVerifyError(`${called} cannot be reached: ${reason ?? '?'}`, { cause: error });
  } finally {
    await pool.end();
  }
}

async function inDatabase<T>(
  target: ConnectionTarget,
  called: string,
  signal: AbortSignal,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const pool = createPool(target, { name: 'verify', max: 1, statementTimeoutMs: 0 }, () => undefined);
  try {
    return await withConnection(pool, signal, async (client) => {
      await requireEmpty(client, called);
      await client.query('begin');
      const result = await work(client);
      await client.query('rollback');
      return result;
    });
  } finally {
    await pool.end();
  }
}

async function requireEmpty(client: pg.PoolClient, called: string): Promise<void> {
  const found = await findOurs(client);
  if (found.length > 0)
    throw new CannotVerifyError(`${called} has to name an empty database, but there is ${found.join(', ')}`);
  try {
    await lockTarget(client);
  } catch (error) {
    if (error instanceof RestoreRefusedError)
      throw new CannotVerifyError(`${called}: ${error.message}`, { cause: error });
    throw error;
  }
}

const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * The database is called after the store's, and its maker holds an advisory lock of that name in the store's: that is how
 * the next run knows what a run that was killed has left.
 */
async function inNewDatabase<T>(
  { pool, target }: Extract<Scratch, { kind: 'beside' }>,
  signal: AbortSignal,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  return withConnection(pool, signal, async (client) => {
    const prefix = await prefixOf(client);
    await dropLeftovers(client);
    const name = prefix + randomBytes(8).toString('hex');
    // The session idles for as long as the work takes.
    await client.query(
      `select set_config('idle_session_timeout', '0', false), pg_advisory_lock(hashtextextended($1, 0))`,
      [name],
    );
    await createEmpty(client, name);
    try {
      return await inDatabase(withDatabase(target, name), name, signal, work);
    } finally {
      // After an abort this connection is closed too. Whatever is in the way here is no part of the answer, and the
      // next run tries again.
      const free = signal.aborted ? pool : client;
      await free.query(`drop database if exists ${name} with (force)`).catch(() => undefined);
      if (!signal.aborted) await unlock(client, name).catch(() => undefined);
    }
  });
}

async function prefixOf(client: pg.PoolClient): Promise<string> {
  const { rows } = await client.query<{ prefix: string }>(
    `select 'call_logger_verify_' || oid || '_' as prefix from pg_database where datname = current_database()`,
  );
  return rows[0]?.prefix ?? '';
}

async function createEmpty(client: pg.PoolClient, name: string): Promise<void> {
  try {
    // Not template1, which may hold something and be in use; locale C goes with UTF-8 whatever the server's is.
    await client.query(
      `create database ${name} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'`,
    );
  } catch (error) {
    if (errorCode(error) !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new CannotVerifyError(
      `the role may not create a database to restore the backup into (${messageOf(error)}): ` +
        'set VERIFY_DATABASE_URL to an empty database for it, or grant the role CREATEDB',
      { cause: error },
    );
  }
}

/** Drops the databases that verifications of this store have left when their process died. */
export async function sweepScratch(pool: pg.Pool, signal: AbortSignal): Promise<void> {
  await withConnection(pool, signal, dropLeftovers);
}

/** Drops what is called like one of ours, belongs to this role, has no maker that lives, and is not in use. */
async function dropLeftovers(client: pg.PoolClient): Promise<void> {
  const prefix = await prefixOf(client);
  const { rows } = await client.query<{ name: string }>(
    `select datname as name from pg_database
     where datname ~ ('^' || $1 || '[0-9a-f]{16}$') and pg_get_userbyid(datdba) = current_user`,
    [prefix],
  );
  for (const { name } of rows) {
    const lock = await client.query<{ free: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as free',
      [name],
    );
    if (lock.rows[0]?.free !== true) continue;
    // One in use after all stays for next time.
    await client.query(`drop database if exists ${name}`).catch(() => undefined);
    await unlock(client, name);
  }
}

async function unlock(client: pg.PoolClient, name: string): Promise<void> {
  await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]);
}
