/**
 * Who is at work in a database: every service holds a lock together with the others, a restore holds it alone.
 * By what pg_stat_activity shows it could not be told: a pooler keeps sessions that are nobody's any more, and hides
 * services that have none at the moment.
 */
import type pg from 'pg';
import { begin, isPooled, NO_TIME_LIMITS } from './transaction.js';

/** Any number, but the same in every version: "call-logger services" in the key space of advisory locks. */
const KEY = 6_033_186_418;

/**
 * One service's. Its connection stays in a transaction that has nothing else to do, and that holds neither a snapshot nor
 * a transaction id, so it is in nobody's way.
 */
export class Attachment {
  #client: pg.PoolClient | undefined;
  #isPooled = false;

  /** @param pool of one connection */
  constructor(private readonly pool: pg.Pool) {}

  /** Whether a pooler stands between. */
  get isPooled(): boolean {
    return this.#isPooled;
  }

  /**
   * Attaches, unless that is done, and asks PostgreSQL something.
   * @returns the version of the server
   * @throws Error while a restore is under way, and what PostgreSQL says; then the service is attached no more
   */
  async check(): Promise<string | null> {
    const client = this.#client ?? (await this.pool.connect());
    try {
      if (this.#client === undefined) await this.#attach(client);
      this.#client = client;
      const { rows } = await client.query<{ server_version: string }>('show server_version');
      return rows[0]?.server_version ?? null;
    } catch (error) {
      this.#client = undefined;
      client.release(true);
      throw error;
    }
  }

  end(): void {
    this.#client?.release(true);
    this.#client = undefined;
  }

  async #attach(client: pg.PoolClient): Promise<void> {
    await begin(client);
    await client.query(NO_TIME_LIMITS);
    if (!(await tryLock(client, 'pg_try_advisory_xact_lock_shared')))
      throw new Error('the database is being restored');
    this.#isPooled = isPooled(client);
  }
}

/** For a transaction that is to be alone: false while a service is attached. While it lasts none can be. */
export function keepServicesOut(client: pg.ClientBase): Promise<boolean> {
  return tryLock(client, 'pg_try_advisory_xact_lock');
}

type LockFunction = 'pg_try_advisory_xact_lock' | 'pg_try_advisory_xact_lock_shared';

async function tryLock(client: pg.ClientBase, lock: LockFunction): Promise<boolean> {
  const { rows } = await client.query<{ taken: boolean }>(`select ${lock}($1) as taken`, [KEY]);
  return rows[0]?.taken === true;
}
