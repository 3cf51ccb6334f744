/** The database that a command works on, and what it needs there. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import type pg from 'pg';
import type { Config } from '../../config/config.js';
import { version } from '../../config/version.js';
import { createCluster } from '../../store/cluster/cluster.js';
import { findRunningCluster } from '../../store/cluster/running.js';
import { type ConnectionTarget, createPool } from '../../store/database.js';
import { migrate } from '../../store/migrate.js';
import { BackupCatalogue } from '../../upkeep/backup/catalogue.js';
import type { Keeping } from '../../upkeep/tasks.js';

const CONNECTIONS = 6;

/** The command says itself what happens. */
const silent = pino({ level: 'silent' });

export function catalogueOf(config: Config): BackupCatalogue {
  return new BackupCatalogue(join(config.dataDir, 'backups'));
}

/**
 * DIRECT_DATABASE_URL, DATABASE_URL; or the embedded cluster, which is joined where a service runs it, and else started for as long as the work
 * takes.
 * @param mayMake false: a DATA_DIR that is not there is a slip, and no wish for a new database
 */
export async function withTarget<T>(
  { databaseUrl, directDatabaseUrl = databaseUrl, dataDir }: Config,
  mayMake: boolean,
  work: (target: ConnectionTarget) => Promise<T>,
): Promise<T> {
  if (directDatabaseUrl !== undefined) return work({ connectionString: directDatabaseUrl });
  if (!mayMake) await requireDirectory(dataDir);
  const directory = join(dataDir, 'postgres');
  const running = await findRunningCluster(directory);
  if (running !== undefined) return work(running);
  const cluster = createCluster({ dataDir: directory, port: 0, log: silent });
  try {
    const { connection } = await cluster.start();
    return await work(connection);
  } finally {
    await cluster.stop();
  }
}

/** A pool of the command's own, ended with the work. */
export async function withPool<T>(target: ConnectionTarget, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const options = { name: 'command', max: CONNECTIONS, statementTimeoutMs: 0 };
  const pool = createPool(target, options, () => undefined);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

/** With the schema of this version, as after the start of a service. */
export function withKeeping<T>(
  target: ConnectionTarget,
  config: Config,
  signal: AbortSignal,
  work: (keeping: Keeping) => Promise<T>,
): Promise<T> {
  return withPool(target, async (pool) => {
    await migrate(pool);
    const { backupKeep, diskReserveBytes, verifyDatabaseUrl } = config;
    return work({
      ...{ pool, target, signal, backupKeep, diskReserveBytes, verifyDatabaseUrl },
      catalogue: catalogueOf(config),
      log: silent,
      now: Date.now,
      serviceVersion: version,
    });
  });
}

async function requireDirectory(dataDir: string): Promise<void> {
  try {
    await access(dataDir);
  } catch (error) {
    throw new Error(`DATA_DIR=${dataDir} is not there, so there is no database in it`, { cause: error });
  }
}
