import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { toError } from '../../lib/errors.js';
import { ClusterError, ClusterStoppedError } from './errors.js';
import type { Postmaster } from './postmaster.js';

export interface Address {
  /** The directory of the socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

/** For a server that neither answers nor says that it is starting. Recovery after a crash may take any time. */
const silenceDeadlineMs = 60_000;
const connectTimeoutMs = 5_000;
const startingUp = '57P03';

/**
 * Resolves as soon as PostgreSQL answers a query.
 * @throws ClusterError when it exits instead, or is silent for too long; ClusterStoppedError when aborted
 */
export async function waitUntilReady(
  postmaster: Postmaster,
  address: Address,
  signal: AbortSignal,
): Promise<void> {
  let waitMs = 10;
  let silentSince = Date.now();
  for (;;) {
    const failure = await probe(address);
    if (signal.aborted) throw new ClusterStoppedError('stopped while PostgreSQL was starting');
    if (failure === undefined) return;
    if (postmaster.gone) {
      const reason = await postmaster.exited;
      throw new ClusterError(`PostgreSQL did not start (${reason}): ${await postmaster.lastWords()}`, {
        cause: failure,
      });
    }
    if (failure.code === startingUp) silentSince = Date.now();
    if (Date.now() - silentSince > silenceDeadlineMs) {
      throw new ClusterError(`PostgreSQL does not answer: ${failure.message}`, { cause: failure });
    }
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    waitMs = Math.min(waitMs * 1.5, 200);
  }
}

/** A client that is open while `use` runs. */
export async function withClient<T>(address: Address, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...address, connectionTimeoutMillis: connectTimeoutMs });
  // A connection that breaks fails the query too; without a listener it would end the process.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function probe(address: Address): Promise<(Error & { code?: unknown }) | undefined> {
  try {
    await withClient(address, (client) => client.query('SELECT 1'));
    return undefined;
  } catch (error) {
    return toError(error);
  }
}
