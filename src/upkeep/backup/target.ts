/** The database that a backup is put into: where it is, and whether it may be. */
import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import { keepServicesOut } from '../../store/attachment.js';
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

/** A service that was stopped a moment ago may still be attached for so long. */
const CLOSING_MS = 2_000;
const LOOK_AGAIN_MS = 50;

/**
 * Keeps services from attaching themselves to this database, and from beginning to migrate it, until the transaction
 * ends; and makes sure that none is at work in it.
 * @param client in a transaction
 * @throws RestoreRefusedError
 */
export async function lockTarget(client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ encoding: string; name: string }>(
    `select current_setting('server_encoding') as encoding, current_database() as name`,
  );
  const { encoding = '?', name = '?' } = rows[0] ?? {};
  if (encoding !== 'UTF8')
    throw new RestoreRefusedError(`the database ${name} has the encoding ${encoding}, and has to have UTF8`);
  const deadline = Date.now() + CLOSING_MS;
  for (;;) {
    const obstacle = await obstacleTo(client);
    if (obstacle === undefined) return;
    if (Date.now() > deadline) throw new RestoreRefusedError(obstacle.replace('%', name));
    await setTimeout(LOOK_AGAIN_MS);
  }
}

/** Undefined with the locks taken, or what is in the way. */
async function obstacleTo(client: pg.PoolClient): Promise<string | undefined> {
  const lock = await client.query<{ taken: boolean }>('select pg_try_advisory_xact_lock($1) as taken', [
    LOCK_KEY,
  ]);
  if (lock.rows[0]?.taken !== true) return 'the database % is being migrated or restored by another process';
  if (!(await keepServicesOut(client))) return 'a service is attached to the database %: stop it first';
  return undefined;
}
