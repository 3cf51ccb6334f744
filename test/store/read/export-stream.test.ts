import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { ExportsBusyError } from '../../../src/store/read/errors.js';
import { exportBody } from '../../../src/store/read/export/body.js';
import type { ExportColumn } from '../../../src/store/read/export/export.js';
import { drainPool, IN_TIME_MS, until } from '../../helpers/drain.js';
import { RECEIVED_AT } from '../../helpers/events.js';
import { createDatabase, createMigratedDatabase } from '../../helpers/postgres.js';
import { openStore } from '../../helpers/store.js';
import { exported, exportsOn, FORMATS } from './exports.js';
import { query } from '../../../src/store/transaction.js';

// A slow machine is no failure.
t.setTimeout(240_000);

const db = await createMigratedDatabase(t);
const pool = drainPool(t, db.url);
const { exports, pool: exportPool } = exportsOn(t, db.url);

const ROWS = 24_000;
/** Each row some 10 kB, so that the whole is far more than any buffer on the way holds. */
await pool.query(
  `insert into calls (call_id, call_type, book_a, odds_a, odds_format, roi_percent, sent_at, users_notified, raw,
     received_at, fingerprint)
   select 'c' || n, 'good_ev', 'book', 2, 'decimal', 1, timestamptz '2025-10-22Z' + n * interval '1 second', 1,
     json_build_object('n', n, 'filler', repeat('0123456789', 1000)), $2, '\\x00'
   from generate_series(1, $1::integer) as n`,
  [ROWS, RECEIVED_AT],
);
await pool.query('analyze calls');

const csv = { subject: 'calls', format: 'csv', filters: {} } as const;
const MEGABYTE = 1_000_000;
/** Of these there are so few that some are through before their reader leaves. */
const TO = '2025-10-22T00:01:00.000000Z';

/** What the exports' connections to this database wait for. */
async function waits(): Promise<(string | null)[]> {
  const { rows } = await pool.query<{ wait_event: string | null }>(
    `select wait_event from pg_stat_activity
     where datname = current_database() and application_name = 'call-logger export' and state <> 'idle'`,
  );
  return rows.map(({ wait_event }) => wait_event);
}

const noneAtWork = (): Promise<void> => until(async () => (await waits()).length === 0);

t.test('a reader that stops stops the query, and one that goes on gets the rest', async (t) => {
  const { body } = await exports.open(csv);
  await once(body, 'readable');
  body.read(1);
  await until(async () => (await waits()).includes('ClientWrite'));
  t.ok(body.readableLength < 10 * MEGABYTE, 'only a few blocks were made');
  const rest = await buffer(body);
  t.ok(rest.length > ROWS * 10_000);
  t.equal(rest.toString('utf8', rest.length - 1), '\n');
});

t.test('a reader may take his time when PostgreSQL is through already', async (t) => {
  const one = exportsOn(t, db.url, 1);
  // Of the session, whose connection the export gets: as `createPool` sets it, but less than this test takes.
  await one.pool.query("set idle_in_transaction_session_timeout = '100ms'");
  const { body, rows } = await one.exports.open({ ...csv, filters: { to: TO } });
  await sleep(1_000);
  t.equal((await buffer(body)).toString().trimEnd().split('\n').length, rows + 1);
});

t.test('memory stays flat whatever the size', async (t) => {
  for (const format of FORMATS) {
    const { body } = await exports.open({ ...csv, format });
    const before = process.memoryUsage().rss;
    let most = 0;
    let size = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      most = Math.max(most, process.memoryUsage().rss - before);
    }
    t.ok(most < 200 * MEGABYTE, `${format}: ${most} bytes more for a file of ${size}`);
  }
});

t.test('when the reader goes away the query ends, wherever it is', async (t) => {
  const stalled = await exports.open(csv);
  await until(async () => (await waits()).includes('ClientWrite'));
  stalled.body.destroy();
  await noneAtWork();

  const reading = await exports.open({ ...csv, format: 'ndjson' });
  for await (const chunk of reading.body) {
    assert.ok(chunk);
    break;
  }
  await noneAtWork();

  const atOnce = await exports.open({ ...csv, format: 'parquet' });
  atOnce.body.destroy();
  await noneAtWork();
  t.ok(exportPool.totalCount <= 2);
});

t.test('PostgreSQL looks whether the reader is still there', async (t) => {
  await exported(exports, { filters: { sport: 'none' } });
  const { rows } = await query(exportPool, 'show client_connection_check_interval');
  t.strictSame(rows, [{ client_connection_check_interval: '1s' }]);
});

t.test('no more exports run at once than there are connections, and the next one is told so', async (t) => {
  const two = await Promise.all([exports.open(csv), exports.open(csv)]);
  await t.rejects(exports.open(csv), ExportsBusyError);
  two[0].body.destroy();
  await once(two[0].body, 'close');
  const third = await exports.open(csv);
  await t.rejects(exports.open(csv), ExportsBusyError);
  for (const { body } of [two[1], third]) {
    body.destroy();
    await once(body, 'close');
  }
});

t.test('nothing leaks, however often and wherever readers go away', async (t) => {
  const openAndLeave = async (round: number): Promise<void> => {
    const format = FORMATS[round % FORMATS.length] ?? 'csv';
    const { body } = await exports.open({ ...csv, format, filters: round % 4 < 2 ? {} : { to: TO } });
    const closed = once(body, 'close');
    let chunks = round % 7;
    if (chunks === 0) body.destroy();
    body.on('data', () => {
      if (--chunks === 0) body.destroy();
    });
    await closed;
  };
  for (let round = 0; round < 28; round += 2) {
    await Promise.all([openAndLeave(round), openAndLeave(round + 1)]);
  }
  await noneAtWork();
  t.ok(exportPool.totalCount <= 2);
  t.equal((await exported(exports, {})).rows, ROWS);
  t.equal(exportPool.idleCount, exportPool.totalCount, 'all connections are back');
});

t.test('an export takes the thread of one before, whichever way that ended', async (t) => {
  /** One more than that of the thread before. */
  const nextThreadId = async (): Promise<number> => {
    const thread = new Worker('', { eval: true });
    const { threadId } = thread;
    await once(thread, 'exit');
    return threadId;
  };
  // As many as there may be.
  await Promise.all([1, 2].map(() => exported(exports, { filters: { to: TO } })));
  const before = await nextThreadId();
  for (const format of FORMATS) {
    const whole = await exported(exports, { format, filters: { to: TO } });
    const { body } = await exports.open({ ...csv, format });
    await once(body, 'readable');
    body.destroy();
    await once(body, 'close');
    t.strictSame(await exported(exports, { format, filters: { to: TO } }), whole);
  }
  t.equal(await nextThreadId(), before + 1);
});

t.test('an export that PostgreSQL breaks off fails, and never looks whole', async (t) => {
  const breakages = { pg_terminate_backend: /terminat/, pg_cancel_backend: /cancel/ };
  for (const [how, message] of Object.entries(breakages)) {
    for (const format of FORMATS) {
      const { body } = await exports.open({ ...csv, format });
      await until(async () => (await waits()).includes('ClientWrite'));
      await pool.query(
        `select ${how}(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'call-logger export' and state <> 'idle'`,
      );
      await t.rejects(buffer(body), { message }, `${how} ${format}`);
    }
  }
  t.equal((await exported(exports, { filters: { to: TO } })).rows, 59, 'the next one works');
});

t.test('an export that cannot begin takes no place', async (t) => {
  const empty = exportsOn(t, (await createDatabase(t)).url);
  for (let round = 0; round < 3; round++) {
    await t.rejects(empty.exports.open(csv), { code: '42P01' });
  }
  t.equal(empty.pool.totalCount, 0);
});

t.test('a file whose rows are not all there, or no rows at all, fails', async (t) => {
  const columns: ExportColumn[] = [{ name: 'call_id', type: 'text', role: 'id', meaning: '' }];
  const header = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
  const row = Buffer.from('\0\x01\0\0\0\x01x', 'latin1');
  const trailer = Buffer.from('\xff\xff', 'latin1');
  const bodyOf = (bytes: Buffer[], rows: number): Promise<Buffer> => {
    const summary = { rows, firstSentAt: null, lastSentAt: null };
    const nothing = { finish: () => Promise.resolve(), discard: () => undefined };
    const options = { format: 'csv', columns, metadata: {} } as const;
    return buffer(exportBody({ summary, rows: Readable.from(bytes), ...nothing }, options));
  };
  t.equal((await bodyOf([header, row, trailer], 1)).toString(), 'call_id\nx\n');
  await t.rejects(bodyOf([header, row, trailer], 2), { message: '1 rows came of 2' });
  await t.rejects(bodyOf([header, row], 1), { message: 'the rows of PostgreSQL end too early' });
  await t.rejects(bodyOf([header, row, trailer.subarray(0, 1)], 1));
  await t.rejects(bodyOf([Buffer.alloc(100)], 1), { message: 'no binary COPY format' });
  await t.rejects(bodyOf([header, Buffer.from('\0\x02\0\0', 'latin1'), trailer], 1), {
    message: 'a row of 2 fields instead of 1',
  });
});

t.test('stopping the store ends its exports, with an error for their readers', async (t) => {
  const store = await openStore(t, db.url);
  const { body } = await store.openExport(csv);
  const read = buffer(body);
  read.catch(() => undefined);
  await store.stop(IN_TIME_MS);
  await t.rejects(read, { message: 'the service stops' });
  await noneAtWork();
});
