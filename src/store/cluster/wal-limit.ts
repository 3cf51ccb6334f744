import { setTimeout as sleep } from 'node:timers/promises';
import { bytesInWords } from '../../lib/bytes.js';
import { messageOf } from '../../lib/errors.js';
import type { Log } from './server-log.js';
import { type Address, withClient } from './socket.js';

/** Below it the log is kept small, and until twice as much is free again. */
const TIGHT_BYTES = 1024 * 1024 * 1024;
const SMALL = '64MB';
const LOOK_EVERY_MS = 5_000;

export interface WalLimitOptions {
  /** On the disk of the cluster; Infinity when it does not tell. Never rejects. */
  readonly freeBytes: () => Promise<number>;
  readonly lookEveryMs?: number | undefined;
  readonly log: Log;
}

/**
 * Lets the write-ahead log grow as far as postgresql.conf says, which is fastest, only while the disk has room for that. A
 * PostgreSQL that finds none for its log ends at once, and cannot start again before somebody makes room; with a log of up
 * to 1 GB that would happen on many a disk that is nearly full.
 *
 * Goes on until the signal is aborted. Never rejects.
 * @param address a superuser's
 */
export async function limitWal(
  address: Address,
  { freeBytes, lookEveryMs = LOOK_EVERY_MS, log }: WalLimitOptions,
  signal: AbortSignal,
): Promise<void> {
  const unwanted = (): boolean => signal.aborted;
  let isSmall: boolean | undefined;
  let failure: string | undefined;
  while (!unwanted()) {
    const free = await freeBytes();
    const wantsSmall = free < (isSmall === false ? TIGHT_BYTES : 2 * TIGHT_BYTES);
    if (wantsSmall !== isSmall) {
      try {
        await setLimit(address, wantsSmall);
        isSmall = wantsSmall;
        failure = undefined;
        if (isSmall)
          log.warn({}, `with ${bytesInWords(free)} free, PostgreSQL's write-ahead log is kept to ${SMALL}`);
      } catch (error) {
        // PostgreSQL is being started again, or finds no room even for this.
        const reason = messageOf(error);
        if (reason !== failure && !unwanted())
          log.warn({ reason }, "PostgreSQL's write-ahead log could not be limited");
        failure = reason;
      }
    }
    await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Outlives a restart of PostgreSQL, and leaves postgresql.conf as it is. */
async function setLimit(address: Address, isSmall: boolean): Promise<void> {
  await withClient(address, async (client) => {
    await client.query(`ALTER SYSTEM ${isSmall ? `SET max_wal_size = '${SMALL}'` : 'RESET max_wal_size'}`);
    await client.query('SELECT pg_reload_conf()');
  });
}
