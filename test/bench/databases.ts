import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type Cluster, createCluster, type StartedCluster } from '../../src/store/cluster/cluster.js';
import { createPool } from '../../src/store/database.js';
import { migrate } from '../../src/store/migrate.js';

const TEMPLATE = 'bench_template';
const ignore = (): void => undefined;

/** A fresh database with the service's schema. */
export interface Database {
  /** For `pg`, psql and the service alike. */
  readonly url: string;
  /** Of calls, clicks and results together. */
  countRows(): Promise<number>;
  drop(): Promise<void>;
}

/** The embedded PostgreSQL with its default, durable settings, and databases on it. */
export class Databases {
  #made = 0;

  private constructor(
    private readonly cluster: Cluster,
    private readonly started: StartedCluster,
    /** Of the process all of PostgreSQL's processes descend from. */
    readonly pid: number,
    readonly version: string,
  ) {}

  /** @param directory can be passed through by PostgreSQL's account */
  static async start(directory: string): Promise<Databases> {
    const log = { info: ignore, warn: ignore, error: ignore };
    const cluster = createCluster({ dataDir: join(directory, 'postgres'), port: 0, log });
    const started = await cluster.start();
    const [pid] = (await readFile(join(started.directory, 'postmaster.pid'), 'utf8')).split('\n');
    const version = await withClient(urlOf(started, started.connection.database), async (client) => {
      await client.query(`create database ${TEMPLATE}`);
      const { rows } = await client.query<{ server_version: string }>('show server_version');
      return rows[0]?.server_version ?? '?';
    });
    const pool = createPool(
      { connectionString: urlOf(started, TEMPLATE) },
      { name: 'bench', max: 1, statementTimeoutMs: 0 },
      ignore,
    );
    await migrate(pool);
    await pool.end();
    return new Databases(cluster, started, Number(pid), version);
  }

  /** After a checkpoint, so that everybody begins with the same write-ahead log to write. */
  async create(): Promise<Database> {
    const name = `bench_${++this.#made}`;
    await this.#administer(
      `create database ${name} template ${TEMPLATE} owner ${this.started.connection.user}`,
    );
    await this.checkpoint();
    const url = urlOf(this.started, name);
    return {
      url,
      countRows: () => countRows(url),
      drop: () => this.#administer(`drop database ${name} with (force)`),
    };
  }

  /** Whatever was changed is in the tables' files afterwards, not in the write-ahead log only. */
  checkpoint(): Promise<void> {
    return this.#administer('checkpoint');
  }

  stop(): Promise<void> {
    return this.cluster.stop();
  }

  #administer(statement: string): Promise<void> {
    return withClient(urlOf(this.started, 'postgres', 'postgres'), async (client) => {
      await client.query(statement);
    });
  }
}

export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function countRows(url: string): Promise<number> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ rows: string }>(
      'select (select count(*) from calls) + (select count(*) from clicks) + (select count(*) from results) as rows',
    );
    return Number(rows[0]?.rows);
  });
}

function urlOf({ connection }: StartedCluster, database: string, user = connection.user): string {
  return `postgres://${user}@/${database}?host=${encodeURIComponent(connection.host)}&port=${connection.port}`;
}
