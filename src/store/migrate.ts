import { fileURLToPath } from 'node:url';
import { migrate as runMigrations } from 'drizzle-orm/node-postgres/migrator';
import type pg from 'pg';
import { orm } from './database.js';

/** `drizzle/migrations` of the package: two levels up from here, in src/ as in dist/. */
export const migrationsFolder = fileURLToPath(new URL('../../drizzle/migrations', import.meta.url));

/** Any number, but the same in every version: "call-logger migrations" in the key space of advisory locks. */
export const LOCK_KEY = 6_033_186_417;

/**
 * Brings the schema up to date. Several processes may call it at once: an advisory lock lets one work and the others
 * find the work done (drizzle's migrator itself takes no lock).
 * @throws Error when the database is not in UTF-8, and what PostgreSQL says
 */
export async function migrate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect();
  try {
    await requireUtf8(client);
    await client.query('select pg_advisory_lock($1)', [LOCK_KEY]);
    await runMigrations(orm(client), { migrationsFolder });
    await client.query('select pg_advisory_unlock($1)', [LOCK_KEY]);
    client.release();
  } catch (error) {
    // Closing the connection also gives the lock back, whatever state the connection is in.
    client.release(true);
    throw error;
  }
}

/** Any other encoding would refuse, or change, some of the text that senders may send. */
async function requireUtf8(client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ server_encoding: string }>('show server_encoding');
  const encoding = rows[0]?.server_encoding;
  if (encoding !== 'UTF8')
    throw new Error(`the database has the encoding ${encoding ?? '?'}, and has to have UTF8`);
}
