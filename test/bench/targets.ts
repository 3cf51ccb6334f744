/** The servers under test. */
import type { Database } from './databases.js';
import type { Ground } from './ground.js';
import { type Counts, countsOf, flush } from './ingest-client.js';
import { type Server, startServer } from './processes.js';
import { fileOf, loader } from '../helpers/program.js';

/** A server that takes events, and how to hear what became of them. */
export interface Target {
  readonly server: Server;
  /** Null where nothing gets into the store. */
  readonly landing: Landing | null;
}

export interface Landing {
  /** Resolves when all that was acknowledged is in the store. */
  landed(): Promise<void>;
  counts(): Promise<Counts>;
}

export type OpenTarget = (ground: Ground, database: Database) => Promise<Target>;

/** See bare.ts and floor.ts. */
export const openEmpty =
  (program: 'bare' | 'floor'): OpenTarget =>
  async () => ({
    server: await startServer([...loader, fileOf(new URL(program, import.meta.url))], {}),
    landing: null,
  });

export const openNaive: OpenTarget = async (_ground, database) => ({
  server: await startServer([...loader, fileOf(new URL('naive', import.meta.url))], {
    DATABASE_URL: database.url,
  }),
  landing: {
    // It answers when the row is there.
    landed: () => Promise.resolve(),
    counts: async () => ({ stored: await database.countRows(), duplicate: 0, dead_letter: 0 }),
  },
});

/** Room on the spool for whatever a bench leaves there, and no upkeep in the middle of it. */
export const serviceEnv = {
  SPOOL_MAX_BYTES: String(64 * 1024 ** 3),
  RETENTION_DAYS: '0',
  BACKUP_INTERVAL_DAYS: '0',
};

/** The service, when it knows its database. */
export const openService =
  ({ drains }: { readonly drains: boolean }): OpenTarget =>
  async (ground, database) => {
    const server = await startServer(ground.service, {
      DATABASE_URL: database.url,
      DATA_DIR: await ground.directory(),
      ...serviceEnv,
      ...(drains ? undefined : { DRAIN_CONCURRENCY: '0' }),
    });
    await flush(server.url);
    const landing = { landed: () => flush(server.url), counts: () => countsOf(server.url) };
    return { server, landing: drains ? landing : null };
  };

/** A target on a database of its own. */
export async function withTarget<T>(
  ground: Ground,
  open: OpenTarget,
  use: (target: Target) => Promise<T>,
): Promise<T> {
  const database = await ground.databases.create();
  const target = await open(ground, database);
  try {
    return await use(target);
  } finally {
    await target.server.stop();
    await database.drop();
    await ground.clear();
  }
}
