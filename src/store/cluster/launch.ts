import { sleep } from '../../lib/backoff.js';
import { messageOf, toError } from '../../lib/errors.js';
import { ClusterError } from './errors.js';
import { stopOrphans } from './orphans.js';
import { Postmaster, type ServerOptions } from './postmaster.js';
import { superuser } from './roles.js';
import { type Address, withClient } from './socket.js';

/** What is left of a killed PostgreSQL may hold its locks for a moment longer than its processes are visible. */
const lockPatienceMs = 15_000;
const lockPollMs = 100;
const heldLock = /lock file|shared memory block/;
/** For a server that neither answers nor says that it is starting. Recovery after a crash may take any time. */
const silenceDeadlineMs = 60_000;
const startingUp = '57P03';

/** The superuser's address, in a database that is always there. */
export function superuserAddress({ socketDirectory, port }: ServerOptions): Address {
  return { host: socketDirectory, port, user: superuser, database: 'postgres' };
}

/**
 * Starts PostgreSQL where `stopOrphans` has been.
 * @param inherited the service that held the lock before was killed
 * @returns one that answers
 * @throws the reason of `signal` when aborted, ClusterError when it cannot run here
 */
export async function launch(
  server: ServerOptions,
  inherited: boolean,
  signal: AbortSignal,
): Promise<Postmaster> {
  const deadline = Date.now() + lockPatienceMs;
  for (;;) {
    signal.throwIfAborted();
    const postmaster = await Postmaster.spawn(server);
    try {
      await waitUntilReady(postmaster, superuserAddress(server), signal);
      return postmaster;
    } catch (error) {
      await postmaster.stop(0);
      const text = messageOf(error);
      if (text.includes('Address already in use')) {
        throw new ClusterError(`EMBEDDED_PORT ${server.port} is taken by another program.`, { cause: error });
      }
      if (!(error instanceof ClusterError) || !heldLock.test(text) || Date.now() > deadline) throw error;
    }
    await sleep(lockPollMs, signal);
    await stopOrphans(server.data.path, inherited, server.log);
  }
}

/** @throws ClusterError when it exits instead of answering, or is silent for too long; the reason of `signal` */
async function waitUntilReady(postmaster: Postmaster, address: Address, signal: AbortSignal): Promise<void> {
  let waitMs = 10;
  let silentSince = Date.now();
  for (;;) {
    const failure = await probe(address);
    signal.throwIfAborted();
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
    await sleep(waitMs, signal);
    waitMs = Math.min(waitMs * 1.5, 200);
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
