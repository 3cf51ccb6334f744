/**
 * A PostgreSQL for tests. One server (embedded, fsync off) is shared by all test files that run at the time;
 * each call here gets a database of its own on it. With TEST_DATABASE_URL set, that server is used instead;
 * its role must be allowed to create databases.
 *
 * Databases are not dropped one by one: the server goes away with all of them.
 */
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  claimStart,
  isAlive,
  keeperLog,
  livingOwners,
  deregister,
  readAddress,
  register,
  releaseStart,
} from './postgres-registry.js';
import { fileOf, loader, root } from './program.js';

/** What is needed of a tap test: something that runs when it ends. */
export interface Teardown {
  teardown(fn: () => unknown): void;
}

export interface TestDatabase {
  readonly name: string;
  /** For `pg` and libpq alike. */
  readonly url: string;
  /** A new pool on this database, ended when the test ends; errors of idle connections are swallowed. */
  pool(options?: pg.PoolConfig): pg.Pool;
}

const startDeadlineMs = 60_000;
const stopDeadlineMs = 30_000;
const databasePrefix = 'clt_';
const templatePrefix = 'clt_template_';
/** Any two constants nobody else uses: all test processes queue here while one makes the template. */
const templateLock = [20_250_817, 1] as const;

/** A fresh database without any tables. */
export async function createDatabase(t: Teardown): Promise<TestDatabase> {
  const server = await serverUrl();
  return withClient(server, (client) => createFrom(client, server, t));
}

/** A fresh database with the migrations applied: a copy of a template that is migrated once. */
export async function createMigratedDatabase(t: Teardown): Promise<TestDatabase> {
  const server = await serverUrl();
  const template = await ensureTemplate(server);
  return withClient(server, (client) => createFrom(client, server, t, template));
}

/** Starts the shared server unless it runs, for as long as process `owner` lives. */
export async function acquireServer(owner = process.pid): Promise<string> {
  await register(owner);
  const deadline = Date.now() + startDeadlineMs;
  for (;;) {
    const address = await readAddress();
    if (address) return address.url;
    if (Date.now() > deadline)
      throw new Error(`no test PostgreSQL within ${startDeadlineMs} ms, see ${keeperLog}`);
    if (await claimStart()) {
      try {
        // Another one may have finished between our look and our claim.
        if (!(await readAddress())) await startKeeper(deadline);
      } finally {
        await releaseStart();
      }
    } else {
      await sleep(50);
    }
  }
}

/** Takes back `acquireServer(owner)`; when nobody else needs the server, waits until it is gone. */
export async function releaseServer(owner = process.pid): Promise<void> {
  const address = await readAddress();
  await deregister(owner);
  const deadline = Date.now() + stopDeadlineMs;
  while (address && isAlive(address.pid)) {
    if ((await livingOwners()).length > 0) return;
    if (Date.now() > deadline) throw new Error(`the test PostgreSQL (keeper ${address.pid}) does not stop`);
    await sleep(50);
  }
}

/**
 * Drops what earlier test runs left on an outside server. Not at the end of a test: connections may still be closing
 * then, and would get an error for it.
 */
export async function dropOldDatabases(server: string): Promise<void> {
  await withClient(server, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT datname AS name FROM pg_database
       WHERE datname ~ '^clt_\\d+_' AND to_timestamp(split_part(datname, '_', 2)::numeric / 1000) < now() - interval '1 hour'`,
    );
    // One in use after all stays for next time.
    for (const { name } of rows) await client.query(`DROP DATABASE IF EXISTS ${name}`).catch(() => undefined);
  });
}

async function startKeeper(deadline: number): Promise<void> {
  const log = await fs.open(keeperLog, 'w');
  const script = fileOf(new URL('postgres-keeper', import.meta.url));
  // A clean environment: tap's hooks for its own children do not belong there.
  const env = { ...process.env };
  delete env['NODE_OPTIONS'];
  const keeper = spawn(process.execPath, [...loader, script], {
    cwd: path.dirname(script),
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env,
  });
  await log.close();
  keeper.unref();
  while (!(await readAddress())) {
    if (keeper.exitCode !== null || keeper.signalCode !== null || Date.now() > deadline) {
      throw new Error(`the test PostgreSQL did not start:\n${await fs.readFile(keeperLog, 'utf8')}`);
    }
    await sleep(25);
  }
}

let acquired: Promise<string> | undefined;

function serverUrl(): Promise<string> {
  const outside = process.env['TEST_DATABASE_URL'];
  acquired ??= outside ? Promise.resolve(outside) : acquireServer();
  return acquired;
}

async function createFrom(
  client: pg.Client,
  server: string,
  t: Teardown,
  template?: string,
): Promise<TestDatabase> {
  const name = `${databasePrefix}${Date.now()}_${randomBytes(4).toString('hex')}`;
  await client.query(`CREATE DATABASE ${name} ${template ? `TEMPLATE ${template}` : ''}`);
  const url = urlOf(server, name);
  return {
    name,
    url,
    pool(options = {}) {
      const pool = openPool(url, options);
      t.teardown(() => pool.end());
      return pool;
    },
  };
}

/** The name of a database with all migrations of this checkout. */
async function ensureTemplate(server: string): Promise<string> {
  const name = `${templatePrefix}${await hashOfMigrations()}`;
  return withClient(server, async (client) => {
    await client.query('SELECT pg_advisory_lock($1, $2)', [...templateLock]);
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount === 0) {
      // Under another name until it is finished, so that a crash never leaves half a template.
      const draft = `${databasePrefix}${Date.now()}_${randomBytes(4).toString('hex')}`;
      await client.query(`CREATE DATABASE ${draft}`);
      const { migrate } = await import('../../src/store/migrate.js');
      const pool = openPool(urlOf(server, draft), { max: 2 });
      await migrate(pool).finally(() => pool.end());
      await client.query(`ALTER DATABASE ${draft} ALLOW_CONNECTIONS false`);
      await client.query(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1`, [
        draft,
      ]);
      await client.query(`ALTER DATABASE ${draft} RENAME TO ${name}`);
    }
    return name;
  });
}

async function hashOfMigrations(): Promise<string> {
  const directory = `${root}drizzle/`;
  const hash = createHash('sha256');
  const entries = await fs.readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  for (const file of files.sort()) hash.update(file.slice(directory.length)).update(await fs.readFile(file));
  return hash.digest('hex').slice(0, 12);
}

function openPool(url: string, options: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool({ ...options, connectionString: url });
  pool.on('error', () => undefined);
  return pool;
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}
