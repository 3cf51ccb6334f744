/** The database that a backup is put into: where it is, and whether it may be. */
import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import type { ConnectionTarget } from '../../store/database.js';
import { LOCK_KEY } from '../../store/migrate.js';
import { RestoreRefusedError } from './errors.js';

/** Another database of the same server. */
export function withDatabase(target: ConnectionTarget, database: string): ConnectionTarget {
  const { connectionString } = target;
  if (connectionString === undefined) return { ...target, database };
  // In the text, since a user without a host (the socket is in the query) is no URL by the standard.
  const [, server = '', query = ''] = /^(\w+:\/\/[^/?]*)[^?]*(.*)$/s.exec(connectionString) ?? [];
  return { ...target, connectionString: `${server}/${database}${query}` };
}

/** Sessions that were closed a moment ago may still be there for so long. */
const CLOSING_MS = 2_000;
const LOOK_AGAIN_MS = 50;

/**
 * Keeps services from beginning to migrate this database, until the connection ends or `unlockTarget`; and makes sure
 * that none is at work in it.
 * @param ownPids sessions of the caller that do not count
 * @throws RestoreRefusedError
 */
export async function lockTarget(client: pg.PoolClient, ownPids: readonly number[] = []): Promise<void> {
  const { rows } = await client.query<{ encoding: string; name: string }>(
    `select current_setting('server_encoding') as encoding, current_database() as name`,
  );
  const { encoding = '?', name = '?' } = rows[0] ?? {};
  if (encoding !== 'UTF8')
    throw new RestoreRefusedError(`the database ${name} has the encoding ${encoding}, and has to have UTF8`);
  const deadline = Date.now() + CLOSING_MS;
  for (;;) {
    const obstacle = await tryLock(client, name, ownPids);
    if (obstacle === undefined) return;
    if (Date.now() > deadline) throw new RestoreRefusedError(obstacle);
    await setTimeout(LOOK_AGAIN_MS);
  }
}

export async function unlockTarget(client: pg.PoolClient): Promise<void> {
  await client.query('select pg_advisory_unlock($1)', [LOCK_KEY]);
}

/** Undefined with the lock taken, or what is in the way. */
async function tryLock(
  client: pg.PoolClient,
  name: string,
  ownPids: readonly number[],
): Promise<string | undefined> {
  const lock = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [LOCK_KEY]);
  if (lock.rows[0]?.taken !== true)
    return `the database ${name} is being migrated or restored by another process`;
  // Looked for with the lock in hand: who comes later finds it taken.
  const { rows } = await client.query<{ name: string }>(
    `select distinct application_name as name from pg_stat_activity
     where datname = current_database() and application_name like 'call-logger %'
       and pid <> pg_backend_pid() and pid <> all ($1::int[])`,
    [ownPids],
  );
  if (rows.length === 0) return undefined;
  await unlockTarget(client);
  const services = rows.map((row) => row.name).join(', ');
  return `a service is attached to the database ${name} (${services}): stop it first`;
}
