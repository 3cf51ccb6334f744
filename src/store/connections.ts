import type pg from 'pg';

/** A connection that is its borrower's until one of the two is called; the second call does nothing. */
export interface BorrowedConnection {
  readonly client: pg.PoolClient;
  readonly giveBack: () => void;
  /** Closes it, which ends what is under way on the server and rolls back, whatever state either side is in. */
  readonly drop: () => void;
}

/**
 * A connection of the pool, dropped as soon as the signal is aborted.
 * @throws the reason of the signal
 */
export async function borrowConnection(pool: pg.Pool, signal?: AbortSignal): Promise<BorrowedConnection> {
  signal?.throwIfAborted();
  const client = await pool.connect();
  let isHeld = true;
  const release = (close: boolean): void => {
    if (isHeld) client.release(close);
    isHeld = false;
    signal?.removeEventListener('abort', drop);
  };
  const drop = (): void => {
    release(true);
  };
  signal?.addEventListener('abort', drop);
  if (signal?.aborted === true) drop();
  signal?.throwIfAborted();
  return {
    client,
    giveBack: () => {
      release(false);
    },
    drop,
  };
}

/**
 * One connection for a piece of work. When the signal is aborted it is closed; so it is after an error, because nobody
 * knows what state it is in.
 * @throws the reason of the signal, and what the work throws
 */
export async function withConnection<T>(
  pool: pg.Pool,
  signal: AbortSignal | undefined,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const connection = await borrowConnection(pool, signal);
  try {
    const result = await work(connection.client);
    connection.giveBack();
    return result;
  } catch (error) {
    connection.drop();
    // What the work says of a connection that was closed under it is only a consequence.
    signal?.throwIfAborted();
    throw error;
  }
}

/**
 * Runs the work in a transaction of its own; anything it throws rolls back.
 * @param signal ends the connection, and with it whatever it is doing
 */
export function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return withConnection(pool, signal, async (client) => {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  });
}

/**
 * For a transaction that takes as long as it takes, whatever the role or the database say. A later PostgreSQL has one
 * limit more.
 */
export const NO_TIME_LIMITS = `do $$ begin
  perform set_config(name, '0', true) from pg_settings
  where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout');
end $$`;
