import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import type { ListedBackup } from '../../src/upkeep/backup-list.js';
import { TaskBusyError } from '../../src/upkeep/errors.js';
import { backupPast } from '../../src/upkeep/past.js';
import type { Upkeep } from '../../src/upkeep/upkeep.js';
import { accountOf, drainPool, IN_TIME_MS, lockWaiters, openHouse, until } from '../helpers/drain.js';
import { callOf, clickOf, recordsOf } from '../helpers/events.js';
import { TestClock } from '../helpers/clock.js';
import { createGate } from '../helpers/gate.js';
import { createMigratedDatabase, type TestDatabase } from '../helpers/postgres.js';
import { createCommitProxy } from '../helpers/proxy.js';
import { openUpkeep } from '../helpers/upkeep-house.js';

t.setTimeout(120_000);

const never = new AbortController().signal;

async function ready(upkeep: Upkeep): Promise<Upkeep> {
  await until(async () => (await upkeep.runs({ limit: 1 })).length >= 0);
  return upkeep;
}

/** Keeps every reader of calls waiting until it is called. */
async function blockCalls(
  t: { teardown(fn: () => unknown): void },
  database: TestDatabase,
): Promise<() => Promise<void>> {
  const pool = drainPool(t, database.url, 1);
  const client = await pool.connect();
  await client.query('begin');
  await client.query('lock table calls in access exclusive mode');
  return async () => {
    await client.query('rollback');
    client.release();
  };
}

t.test('before the store is there only what needs no database is answered', async (t) => {
  const database = await createMigratedDatabase(t);
  const { upkeep, begin } = await openUpkeep(t, database.url, { started: false });
  t.strictSame(await upkeep.backups(), []);
  t.match(upkeep.schedule(), { backup: { next_at: null }, cleanup: { last: null }, retention_days: 365 });
  const questions: (() => Promise<unknown>)[] = [
    () => upkeep.cleanUp({ daysToKeep: 1, dryRun: true }),
    () => upkeep.startBackup(),
    () => upkeep.runs({ limit: 1 }),
    () => upkeep.deadLetters({ limit: 1 }),
  ];
  for (const question of questions) await t.rejects(question(), { code: 'STORE_UNAVAILABLE' });
  begin();
  begin();
  t.strictSame(await upkeep.runs({ limit: 1 }), []);
});

t.test(
  'a database that is read-only, as after a failover, is not there for upkeep until it is promoted',
  async (t) => {
    const database = await createMigratedDatabase(t);
    const owner = drainPool(t, database.url, 1);
    await owner.query(`alter database ${database.name} set default_transaction_read_only = on`);
    const { upkeep } = await openUpkeep(t, database.url);
    await t.rejects(upkeep.cleanUp({ daysToKeep: 1, dryRun: false }), { code: 'STORE_UNAVAILABLE' });
    await t.rejects(upkeep.startBackup(), { code: 'STORE_UNAVAILABLE' });
  },
);

t.test('a backup on request: under way at once, one at a time, complete with its file', async (t) => {
  const database = await createMigratedDatabase(t);
  const { upkeep } = await openUpkeep(t, database.url);
  const release = await blockCalls(t, database);
  const { id, finished } = await upkeep.startBackup();
  t.match(await upkeep.backup(id), { id, state: 'running', trigger: 'manual', bytes: null, error: null });
  t.equal(await upkeep.openBackup(id), null, 'there is nothing to download yet');
  t.equal(await upkeep.removeBackup(id), false);
  await t.rejects(upkeep.startBackup(), { code: 'TASK_BUSY' });
  await release();
  const made = await finished;
  t.match(made, { id, state: 'complete', verified_at: null });
  t.strictSame(
    (await upkeep.backups()).map((backup) => backup.id),
    [id],
  );

  const opened = await upkeep.openBackup(id);
  if (opened === null) throw new Error('it cannot be opened');
  const whole = await buffer(await opened.read({ first: 0, last: opened.bytes - 1 }));
  t.equal(createHash('sha256').update(whole).digest('hex'), made.sha256);
  t.strictSame(await buffer(await opened.read({ first: 5, last: 9 })), whole.subarray(5, 10));
  t.match(opened.fileName, /^call-logger-[\w-]+\.sql\.gz$/);

  t.match(await upkeep.verifyBackup(id), { ok: true, problems: [], rows: { calls: 0 } });
  t.match(await upkeep.backup(id), { verified_at: String });
  const good = async () =>
    (await backupPast({ pool: drainPool(t, database.url, 1), now: Date.now, signal: never })).lastGoodMs;
  t.not(await good(), null);
  t.equal(await upkeep.removeBackup(id), true);
  t.equal(await good(), null, 'what was deleted is no good backup');
  t.equal(await upkeep.removeBackup(id), false);
  t.strictSame(await upkeep.backups(), []);
  t.equal(await upkeep.verifyBackup(id), null);
});

t.test('a backup that goes while it is asked for is not there, whoever asks', async (t) => {
  const database = await createMigratedDatabase(t);
  const { upkeep, directory } = await openUpkeep(t, database.url);
  const { id, finished } = await upkeep.startBackup();
  const bytes = Number((await finished).bytes);
  const opened = await upkeep.openBackup(id);
  if (opened === null) throw new Error('it cannot be opened');
  const all = { first: 0, last: bytes - 1 };
  const reading = await opened.read(all);

  // Another replica removes it, while our own removal and verification wait for the database. First goes the manifest.
  const watching = drainPool(t, database.url, 1);
  const blocking = await drainPool(t, database.url, 1).connect();
  await blocking.query('begin');
  await blocking.query('lock table upkeep_runs in share mode');
  const removal = upkeep.removeBackup(id);
  await until(async () => (await lockWaiters(watching)) === 1);
  const verification = upkeep.verifyBackup(id);
  await until(async () => (await lockWaiters(watching)) === 2);
  await rm(join(directory, `${id}.json`));
  await t.rejects(opened.read(all), { code: 'BACKUP_GONE' });
  await rm(join(directory, `${id}.sql.gz`));
  await t.rejects(opened.read(all), { code: 'BACKUP_GONE' });
  await blocking.query('rollback');
  blocking.release();
  t.equal(await removal, false);
  t.equal(await verification, null);
  t.equal((await buffer(reading)).length, bytes, 'who reads it already reads it all');
});

t.test('a backup stays, whatever the clock has said of those before it', async (t) => {
  const database = await createMigratedDatabase(t);
  const clock = new TestClock('2026-11-25T12:00:00Z');
  const { upkeep } = await openUpkeep(t, database.url, { clock, backupKeep: 1, backupIntervalDays: 0 });
  await (
    await upkeep.startBackup()
  ).finished;
  clock.forward(-3_600_000);
  const { id, finished } = await upkeep.startBackup();
  t.match(await finished, { id, state: 'complete' });
  t.match(await upkeep.backups(), [{ id }]);
});

t.test('a backup that fails is listed with its reason and leaves the service unharmed', async (t) => {
  const database = await createMigratedDatabase(t);
  const { upkeep, directory } = await openUpkeep(t, database.url);
  // A file where the directory would be: nothing can be written there.
  await writeFile(directory, '');
  const { id, finished } = await upkeep.startBackup();
  await t.rejects(finished);
  t.match(await upkeep.runs({ limit: 1 }), [
    { task: 'backup', state: 'failed', error: String, detail: { backup_id: id } },
  ]);
  t.match(await upkeep.cleanUp({ daysToKeep: 1, dryRun: false }), { dry_run: false });
});

t.test('a backup whose connections fall silent ends, and does not hold up the next', async (t) => {
  const database = await createMigratedDatabase(t);
  const proxy = await createCommitProxy(t, database.url);
  const silence = { lookEveryMs: 20, silentAfterMs: 200 };
  const { upkeep } = await openUpkeep(t, proxy.url, { silence });
  const release = await blockCalls(t, database);
  const { finished } = await upkeep.startBackup();
  const watching = drainPool(t, database.url, 1);
  const isCopying = async (): Promise<boolean> => {
    const { rowCount } = await watching.query(
      `select from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and query like 'copy %'`,
    );
    return rowCount === 1;
  };
  await until(isCopying);
  proxy.silence();
  await release();
  await t.rejects(finished, { code: 'STORE_UNAVAILABLE' });
  // Its lock is free as soon as PostgreSQL knows that the connection is closed.
  const next = async () => {
    const started = upkeep.startBackup().catch((error: unknown) => {
      if (!(error instanceof TaskBusyError)) throw error;
    });
    return (await started)?.finished;
  };
  let made: ListedBackup | undefined;
  await until(async () => (made = await next()) !== undefined);
  t.match(made, { state: 'complete' });
  t.match(await upkeep.runs({ limit: 2 }), [
    { state: 'complete' },
    { state: 'failed', error: /no answer came/ },
  ]);
});

t.test('stopping ends what runs, tells who waits, and leaves nothing half done', async (t) => {
  const database = await createMigratedDatabase(t);
  const { upkeep, close } = await openUpkeep(t, database.url);
  const release = await blockCalls(t, database);
  const { finished } = await upkeep.startBackup();
  await Promise.all([
    t.rejects(finished, { code: 'UPKEEP_STOPPED' }),
    upkeep.stop(20_000),
    upkeep.stop(20_000),
  ]);
  await t.rejects(upkeep.cleanUp({ daysToKeep: 1, dryRun: false }), { code: 'UPKEEP_STOPPED' });
  await close();
  await release();
  const next = await openUpkeep(t, database.url);
  t.match(await next.upkeep.runs({ limit: 1 }), [{ task: 'backup', state: 'stopped' }]);
});

t.test('one dry run at a time, and none outlives the service', async (t) => {
  const database = await createMigratedDatabase(t);
  const { upkeep } = await openUpkeep(t, database.url);
  const release = await blockCalls(t, database);
  const watching = drainPool(t, database.url, 1);
  const question = { daysToKeep: 1, dryRun: true };
  const first = t.rejects(upkeep.cleanUp(question), { code: 'UPKEEP_STOPPED' });
  // What the schedule wants to know of the calls waits too.
  await until(async () => (await lockWaiters(watching)) > 0);
  await t.rejects(upkeep.cleanUp(question), { code: 'TASK_BUSY', message: 'a dry run is running already' });
  await upkeep.stop(20_000);
  await first;
  await until(async () => (await lockWaiters(watching)) === 0);
  await release();
});

t.test(
  'what a process that died has left of a backup and a verification is gone after the start',
  async (t) => {
    const database = await createMigratedDatabase(t);
    const pool = drainPool(t, database.url, 1);
    const { upkeep, directory, begin } = await openUpkeep(t, database.url, { started: false });
    await mkdir(directory);
    for (const ending of ['sql.gz.partial', 'json.partial'])
      await writeFile(join(directory, `20260101T000000Z-00000000.${ending}`), 'half');
    await writeFile(join(directory, 'notes.txt'), 'of somebody');
    const { rows } = await pool.query<{ name: string }>(
      `select 'call_logger_verify_' || oid || '_0123456789abcdef' as name from pg_database
     where datname = current_database()`,
    );
    const scratch = rows[0]?.name ?? '';
    await pool.query(`create database ${scratch}`);
    begin();
    const isThere = async (): Promise<boolean> =>
      (await pool.query('select from pg_database where datname = $1', [scratch])).rowCount === 1;
    await until(async () => !(await isThere()));
    t.strictSame(await readdir(directory), ['notes.txt']);
    t.strictSame(await upkeep.backups(), []);
  },
);

t.test('cleanup goes by RETENTION_DAYS unless told otherwise, and refuses to guess', async (t) => {
  const database = await createMigratedDatabase(t);
  const house = await openHouse(t, database.url);
  const old = callOf('old', { sent_at: '2024-10-21T12:00:00Z' });
  const recent = callOf('recent', { sent_at: '2025-10-12T12:00:00Z' });
  await house.spool.append(recordsOf([old, recent, clickOf('old', 'k')]));
  await house.drain.flush(IN_TIME_MS);
  await database.pool().query('update calls set received_at = sent_at');

  const clock = new TestClock('2025-10-22T12:00:00Z');
  const { upkeep } = await openUpkeep(t, database.url, { clock });
  t.match(await upkeep.cleanUp({ daysToKeep: undefined, dryRun: true }), {
    dry_run: true,
    deleted: { calls: 1, clicks: 1, results: 0 },
  });
  t.strictSame(await upkeep.runs({ limit: 10 }), [], 'counting leaves no trace');
  const release = await blockCalls(t, database);
  const cleaning = upkeep.cleanUp({ daysToKeep: undefined, dryRun: false });
  await until(async () => (await upkeep.runs({ limit: 1 })).length === 1);
  await t.rejects(upkeep.cleanUp({ daysToKeep: 1, dryRun: false }), { code: 'TASK_BUSY' });
  await release();
  t.match(await cleaning, { deleted: { calls: 1, clicks: 1, results: 0 } });
  t.match(await upkeep.cleanUp({ daysToKeep: 5, dryRun: false }), { deleted: { calls: 1 } });
  t.match(await upkeep.runs({ limit: 1 }), [{ detail: { days_to_keep: 5, deleted: { calls: 1 } } }]);

  const forEver = await openUpkeep(t, database.url, { retentionDays: 0 });
  await t.rejects(forEver.upkeep.cleanUp({ daysToKeep: undefined, dryRun: false }), { code: 'NO_RETENTION' });
  await forEver.upkeep.cleanUp({ daysToKeep: 1, dryRun: false });
});

t.test(
  'with PostgreSQL away backups are still listed and opened, and the rest says what is missing',
  async (t) => {
    const database = await createMigratedDatabase(t);
    const gate = await createGate(t, database.url);
    await gate.open();
    const { upkeep } = await openUpkeep(t, gate.url);
    const { id, finished } = await (await ready(upkeep)).startBackup();
    await finished;
    await gate.shut();
    t.match(await upkeep.backups(), [{ id, state: 'complete' }]);
    t.not(await upkeep.openBackup(id), null);
    await t.rejects(upkeep.startBackup(), { code: 'STORE_UNAVAILABLE' });
    await t.rejects(upkeep.runs({ limit: 1 }), { code: 'STORE_UNAVAILABLE' });
  },
);

t.test('a dead letter is listed as received, and a replay is one more accepted event', async (t) => {
  const database = await createMigratedDatabase(t);
  const house = await openHouse(t, database.url);
  await house.spool.append(recordsOf([callOf('a'), callOf('a', { roi_percent: 2 })]));
  await house.drain.flush(IN_TIME_MS);
  const { upkeep } = await openUpkeep(t, database.url, { append: (records) => house.spool.append(records) });
  const { letters } = await upkeep.deadLetters({ limit: 10 });
  t.match(letters, [{ reason: 'conflict', call_id: 'a', replays: 0 }]);
  t.match(JSON.parse(letters[0]?.payload ?? ''), { call_id: 'a', roi_percent: 2 });
  t.equal(await upkeep.replayDeadLetter(letters[0]?.id ?? ''), true);
  await house.drain.flush(IN_TIME_MS);
  t.equal(accountOf(house).accepted, 3);
  const again = (await upkeep.deadLetters({ limit: 10 })).letters;
  t.match(again, [{ reason: 'conflict', replays: 1 }]);
  t.match(await upkeep.replayDeadLetters(), { replayed: 0 }, 'it does not go round in a circle');
  t.equal(await upkeep.removeDeadLetter(again[0]?.id ?? ''), true);
  t.equal(await upkeep.removeDeadLetter(again[0]?.id ?? ''), false);
});
