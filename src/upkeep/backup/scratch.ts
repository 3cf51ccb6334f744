import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { errorCode, messageOf } from '../../lib/errors.js';
import { type ConnectionTarget, createPool } from '../../store/database.js';
import { withConnection } from '../../store/connections.js';
import { begin, inTransaction, NO_TIME_LIMITS, query } from '../../store/transaction.js';
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
    await query(pool, 'select');
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
      await begin(client);
      await client.query(NO_TIME_LIMITS);
      await requireEmpty(client, called);
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
 * The database is called after the store's, and a transaction of its maker holds an advisory lock of that name in the
 * store's: that is how the next run knows what a run that was killed has left.
 */
async function inNewDatabase<T>(
  { pool, target }: Extract<Scratch, { kind: 'beside' }>,
  signal: AbortSignal,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const prefix = await prefixOf(pool);
  await sweepScratch(pool);
  const name = prefix + randomBytes(8).toString('hex');
  const made = withDatabase(target, name);
  return holding(
    pool,
    name,
    async () => {
      await createEmpty(pool, name);
      try {
        await requireLetThrough(made);
        return await inDatabase(made, name, signal, work);
      } finally {
        // Whatever is in the way here is no part of the answer, and the next run tries again.
        await pool.query(`drop database if exists ${name} with (force)`).catch(() => undefined);
      }
    },
    signal,
  );
}

async function prefixOf(pool: pg.Pool): Promise<string> {
  const { rows } = await query<{ prefix: string }>(
    pool,
    `select 'call_logger_verify_' || oid || '_' as prefix from pg_database where datname = current_database()`,
  );
  return rows[0]?.prefix ?? '';
}

/** Databases are made and dropped outside transactions, over other connections than the one that holds the lock. */
async function createEmpty(pool: pg.Pool, name: string): Promise<void> {
  try {
    // Not template1, which may hold something and be in use; locale C goes with UTF-8 whatever the server's is.
    await pool.query(
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

/** What poolers say of a database that their own list does not have. */
const UNKNOWN_DATABASE: ReadonlySet<string | undefined> = new Set(['08P01', '3D000', '28000']);

async function requireLetThrough(made: ConnectionTarget): Promise<void> {
  try {
    await requireReachable(made, 'the database that was made for it');
  } catch (error) {
    const { cause } = error instanceof Error ? error : {};
    if (!UNKNOWN_DATABASE.has(errorCode(cause))) throw cause ?? error;
    throw new CannotVerifyError(
      `a pooler does not let through to the database that was made for it (${messageOf(cause)}): ` +
        'set DIRECT_DATABASE_URL to the address of the server itself, or VERIFY_DATABASE_URL to an empty database',
      { cause },
    );
  }
}

/** Drops what is called like one of ours, belongs to this role, has no maker that lives, and is not in use. */
export async function sweepScratch(pool: pg.Pool): Promise<void> {
  const { rows } = await query<{ name: string }>(
    pool,
    `select datname as name from pg_database
     where datname ~ ('^' || $1 || '[0-9a-f]{16}$') and pg_get_userbyid(datdba) = current_user`,
    [await prefixOf(pool)],
  );
  for (const { name } of rows) {
    // One in use after all stays for next time.
    await holding(pool, name, () => pool.query(`drop database if exists ${name}`)).catch(() => undefined);
  }
}

/**
 * Does the work while a transaction holds the lock of the name.
 * @throws Error when somebody else holds it
 */
function holding<T>(pool: pg.Pool, name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  return inTransaction(
    pool,
    async (client) => {
      await client.query(NO_TIME_LIMITS);
      const { rows } = await client.query<{ taken: boolean }>(
        'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as taken',
        [name],
      );
      if (rows[0]?.taken !== true) throw new Error(`somebody else is at work in ${name}`);
      return work();
    },
    signal,
  );
}
