import type pg from 'pg';

/**
 * One connection for a long piece of work. When the signal is aborted the connection is closed, which ends what is under
 * way on it and rolls back; so does an error.
 * @throws the reason of the signal, and what the work throws
 */
export async function withConnection<T>(
  pool: pg.Pool,
  signal: AbortSignal,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const client = await pool.connect();
  let isOurs = true;
  const release = (close: boolean): void => {
    if (isOurs) client.release(close);
    isOurs = false;
  };
  const abort = (): void => {
    release(true);
  };
  signal.addEventListener('abort', abort);
  try {
    signal.throwIfAborted();
    const result = await work(client);
    release(false);
    return result;
  } catch (error) {
    release(true);
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
