/** Upkeep over a database, put together as the service does it. */
import { join } from 'node:path';
import { createPool, type PoolOptions } from '../../src/store/database.js';
import { Upkeep, type UpkeepOptions } from '../../src/upkeep/upkeep.js';
import { silent } from './drain.js';
import type { Teardown } from './postgres.js';
import { temporaryDirectory } from './service.js';

export interface UpkeepHouse {
  readonly upkeep: Upkeep;
  /** Of backups. */
  readonly directory: string;
  readonly begin: () => void;
  /** Stops it, then closes its pool. Can be called again. */
  readonly close: () => Promise<void>;
}

export interface UpkeepHouseOptions extends Partial<UpkeepOptions>, Pick<PoolOptions, 'silence'> {
  readonly started?: boolean;
  /** `backups/` lies inside. */
  readonly dataDir?: string;
}

const STOP_WITHIN_MS = 20_000;

export async function openUpkeep(
  t: Teardown,
  url: string,
  options: UpkeepHouseOptions = {},
): Promise<UpkeepHouse> {
  const { started = true, silence, dataDir, ...changes } = options;
  const directory = join(dataDir ?? (await temporaryDirectory(t)), 'backups');
  const pool = createPool(
    { connectionString: url },
    { name: 'upkeep', max: 8, statementTimeoutMs: 0, noticesLeaving: true, ...(silence && { silence }) },
    () => undefined,
  );
  const upkeep = new Upkeep({
    cleanupCron: '0 4 * * *',
    retentionDays: 365,
    deadLetterRetentionDays: 90,
    backupIntervalDays: 14,
    backupKeep: 6,
    diskReserveBytes: 0,
    verifyDatabaseUrl: undefined,
    serviceVersion: '1.2.3',
    append: async () => undefined,
    log: silent,
    ...changes,
    backupDirectory: directory,
  });
  const begin = (): void => {
    upkeep.start(pool, { connectionString: url });
  };
  if (started) begin();
  const close = async (): Promise<void> => {
    await upkeep.stop(STOP_WITHIN_MS);
    if (!pool.ending) await pool.end();
  };
  t.teardown(close);
  return { upkeep, directory, begin, close };
}
