import { fileURLToPath } from 'node:url';
import { migrate as runMigrations } from 'drizzle-orm/node-postgres/migrator';
import type pg from 'pg';
import { orm } from './database.js';
import { UnusableDatabaseError } from './refusals.js';
import { MIGRATIONS_TABLE, relationNames } from './relations.js';
import { inTransaction, NO_TIME_LIMITS } from './transaction.js';

/** `drizzle/migrations` of the package: two levels up from here, in src/ as in dist/. */
export const migrationsFolder = fileURLToPath(new URL('../../drizzle/migrations', import.meta.url));

/** Any number, but the same in every version: "call-logger migrations" in the key space of advisory locks. */
export const LOCK_KEY = 6_033_186_417;

/**
 * Brings the schema up to date, in one transaction. Several processes may call it at once: an advisory lock lets one work
 * and the others find the work done (drizzle's migrator itself takes no lock).
 * @throws UnusableDatabaseError, and what PostgreSQL says
 */
export async function migrate(pool: pg.Pool): Promise<void> {
  await inTransaction(pool, async (client) => {
    await requireUtf8(client);
    // An index on a large table takes as long as it takes.
    await client.query(NO_TIME_LIMITS);
    await client.query('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
    await requireOurs(client);
    // The migrator's own `begin` finds this transaction and stays in it; its `commit` ends both, and with it the lock.
    await runMigrations(orm(client), { migrationsFolder });
  });
}

/** Any other encoding would refuse, or change, some of the text that senders may send. */
async function requireUtf8(client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ encoding: string; name: string }>(
    `select current_setting('server_encoding') as encoding, current_database() as name`,
  );
  const { encoding = '?', name = '?' } = rows[0] ?? {};
  if (encoding !== 'UTF8')
    throw new UnusableDatabaseError(
      `the database "${name}" has the encoding ${encoding}, and has to have UTF8: ` +
        `create one with CREATE DATABASE call_logger TEMPLATE template0 ENCODING 'UTF8', and name it in DATABASE_URL`,
    );
}

/** Tables of somebody else, such as those of a bot that logged its calls by itself, are neither used nor changed. */
async function requireOurs(client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ relation: string; name: string }>(
    `select relation, current_database() as name from unnest($1::text[]) as relation
     where to_regclass(relation) is not null and to_regclass($2) is null`,
    [relationNames, MIGRATIONS_TABLE],
  );
  const [first] = rows;
  if (first === undefined) return;
  const relations = rows.map(({ relation }) => relation).join(', ');
  throw new UnusableDatabaseError(
    `the database "${first.name}" has ${relations} already, which call-logger did not make: ` +
      'give call-logger a database of its own (CREATE DATABASE call_logger, named in DATABASE_URL), ' +
      'or rename what is there',
  );
}
