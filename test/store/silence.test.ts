import { once } from 'node:events';
import { createServer } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import t from 'tap';
import { withConnection } from '../../src/store/connections.js';
import { classify, isUnavailable } from '../../src/store/errors.js';
import { SilentConnectionError } from '../../src/store/silence.js';
import { drainPool, lockWaiters, until } from '../helpers/drain.js';
import { patientPool } from '../helpers/patient-pool.js';
import { createDatabase, type Teardown } from '../helpers/postgres.js';
import type { CommitProxy } from '../helpers/proxy.js';

t.setTimeout(120_000);

const database = await createDatabase(t);
const direct = drainPool(t, database.url);

const open = (t: Teardown, max?: number) =>
  patientPool(t, database.url, { lookEveryMs: 20, silentAfterMs: 200 }, max);

/** More than fits into what lies between here and PostgreSQL. */
const MUCH = `copy (select repeat('x', 1000) from generate_series(1, 100000)) to stdout`;
const MUCH_BYTES = 1001 * 100_000;

t.test('a question that was lost fails as if PostgreSQL were away, and the next is answered', async (t) => {
  const { pool, proxy } = await open(t, 1);
  await pool.query('select');
  proxy.silence();
  const error: unknown = await pool.query('select').catch((thrown: unknown) => thrown);
  t.type(error, SilentConnectionError);
  t.ok(isUnavailable(classify(error)));
  t.match(await pool.query('select 1 as one'), { rows: [{ one: 1 }] });
});

t.test('a question that takes long is waited for, however silent it is', async (t) => {
  const { pool, proxy } = await open(t);
  const lock = await direct.connect();
  await lock.query('select pg_advisory_lock(1)');
  await pool.query('select');
  proxy.silence();
  // On the connection that is silent now, and on one that waits for the lock.
  const lost = pool.query('select');
  const long = pool.query('select pg_advisory_lock(1)');
  await until(async () => (await lockWaiters(direct)) === 1);
  await t.rejects(lost, SilentConnectionError);
  proxy.silence();
  await lock.query('select pg_advisory_unlock(1)');
  lock.release();
  await t.rejects(long, SilentConnectionError, 'until it is answered, and the answer does not come');
});

t.test('rows that stop coming in the middle end with an error', async (t) => {
  for (const harm of ['silence', 'stall'] as const) {
    const { pool, proxy } = await open(t);
    const reading = withConnection(pool, undefined, async (client) => {
      let bytes = 0;
      const rows: AsyncIterable<Buffer> = client.query(copyTo(MUCH));
      for await (const chunk of rows) {
        if (bytes === 0) proxy[harm]();
        bytes += chunk.length;
      }
      return bytes;
    });
    await t.rejects(reading, SilentConnectionError, harm);
  }
});

t.test('rows that PostgreSQL does not get end with an error', async (t) => {
  const { pool, proxy } = await open(t);
  await direct.query('create table lines (line text)');
  const writing = withConnection(pool, undefined, async (client) => {
    const rows = client.query(copyFrom('copy lines from stdin'));
    rows.write('before\n');
    await until(async () => (await copying()) === 1);
    proxy.silence();
    await pipeline(Readable.from(['after\n']), rows);
  });
  await t.rejects(writing, SilentConnectionError);
  t.match(await direct.query('select from lines'), { rowCount: 0 });
});

t.test('who has rows to say and takes his time is waited for', async (t) => {
  const { pool } = await open(t);
  const { pool: other, proxy } = await open(t);
  await direct.query('create table slow_lines (line text)');
  await withConnection(pool, undefined, async (client) => {
    const rows = client.query(copyFrom('copy slow_lines from stdin'));
    rows.write('before\n');
    await until(async () => (await copying()) === 1);
    // Meanwhile another one is found to be lost, again and again.
    for (let round = 0; round < 3; round++) t.type(await loseOne(other, proxy), SilentConnectionError);
    await pipeline(Readable.from(['after\n']), rows);
  });
  t.match(await direct.query('select from slow_lines'), { rowCount: 2 });
});

/** Loses a connection and resolves, with the error, when that is noticed. */
async function loseOne(pool: pg.Pool, proxy: CommitProxy): Promise<unknown> {
  await pool.query('select');
  proxy.silence();
  return pool.query('select').catch((error: unknown) => error);
}

/** Sessions that wait for rows. */
async function copying(): Promise<number> {
  const { rowCount } = await direct.query(
    `select from pg_stat_activity where datname = current_database() and query like 'copy %lines%' and state = 'active'`,
  );
  return rowCount ?? 0;
}

t.test('a connection that is ended while it is silent is closed', async (t) => {
  const { pool, proxy } = await open(t);
  const client = await pool.connect();
  const ended = new Promise((resolve) => client.once('end', resolve));
  proxy.stall();
  client.release(true);
  await ended;
});

t.test('a session that is gone on the other side is given up', async (t) => {
  const { pool, proxy } = await open(t);
  const client = await pool.connect();
  const {
    rows: [session],
  } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  proxy.silence();
  await direct.query('select pg_terminate_backend($1)', [session?.pid]);
  await t.rejects(client.query('select'), SilentConnectionError);
  client.release(true);
});

t.test(
  'who reads slowly gets all rows, and who holds a connection without a question keeps it',
  async (t) => {
    const { pool } = await open(t);
    const { pool: other, proxy } = await open(t);
    const idle = await pool.connect();
    const reader = await pool.connect();
    const rows: Readable = reader.query(copyTo(MUCH));
    await once(rows, 'readable');
    // Meanwhile another one is found to be lost, again and again.
    for (let round = 0; round < 3; round++) {
      await other.query('select');
      proxy.silence();
      await t.rejects(other.query('select'), SilentConnectionError);
    }
    let bytes = 0;
    for await (const chunk of rows as AsyncIterable<Buffer>) bytes += chunk.length;
    t.equal(bytes, MUCH_BYTES);
    reader.release();
    t.match(await idle.query('select 1 as one'), { rows: [{ one: 1 }] });
    idle.release();
  },
);

t.test('while PostgreSQL cannot be asked, nothing is given up', async (t) => {
  const { pool, proxy } = await open(t);
  const lock = await direct.connect();
  await lock.query('select pg_advisory_lock(2)');
  const long = pool.query('select pg_advisory_lock(2)');
  await until(async () => (await lockWaiters(direct)) === 1);
  proxy.refuse();
  let asked = 0;
  const deaf = createServer((socket) => {
    asked++;
    socket.destroy();
  });
  t.teardown(() => deaf.close());
  deaf.listen(Number(new URL(proxy.url).port), '127.0.0.1');
  await until(() => asked >= 3);
  await lock.query('select pg_advisory_unlock(2)');
  lock.release();
  await long;
});
