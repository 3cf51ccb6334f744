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
