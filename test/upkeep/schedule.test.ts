import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import t, { type Test } from 'tap';
import { utcTimeFromMs } from '../../src/lib/time.js';
import { backupDueAt, cleanupDueAt } from '../../src/upkeep/due.js';
import { listRuns, recordRun, type Run } from '../../src/upkeep/runs.js';
import { TestClock } from '../helpers/clock.js';
import { drainPool, IN_TIME_MS, openHouse } from '../helpers/drain.js';
import { callOf, clickOf, recordsOf, resultOf } from '../helpers/events.js';
import { createMigratedDatabase, type TestDatabase } from '../helpers/postgres.js';
import { temporaryDirectory } from '../helpers/service.js';
import { openUpkeep, type UpkeepHouse, type UpkeepHouseOptions } from '../helpers/upkeep-house.js';

t.setTimeout(120_000);

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Those that one Upkeep has asleep when there is nothing to do. */
const JOBS = 4;

function start(
  t: Test,
  database: TestDatabase,
  clock: TestClock,
  options: UpkeepHouseOptions = {},
): Promise<UpkeepHouse> {
  return openUpkeep(t, database.url, { ...options, clock });
}

async function runsOf(pool: pg.Pool, task: Run['task']): Promise<Run[]> {
  return (await listRuns(pool, { limit: 100, task })).filter(({ trigger }) => trigger === 'schedule');
}

t.test('the clock moved forward by 15 days: exactly one backup, which is verified', async (t) => {
  const database = await createMigratedDatabase(t);
  const pool = drainPool(t, database.url);
  const clock = new TestClock('2026-11-20T12:00:00Z');
  const { upkeep } = await start(t, database, clock);
  await clock.asleep(JOBS);
  t.strictSame(await runsOf(pool, 'backup'), [], 'a service that has just started has other things to do');
  clock.forward(MINUTE_MS);
  await clock.asleep(JOBS);
  t.equal((await runsOf(pool, 'backup')).length, 1, 'there never was one');
  clock.forward(MINUTE_MS);
  await clock.asleep(JOBS);
  t.match(await runsOf(pool, 'verify'), [{ state: 'complete', detail: { ok: true } }]);

  for (const [days, stepDays, expected] of [
    [13, 13, 1],
    [15, 2, 2],
  ] as const) {
    clock.forward(stepDays * DAY_MS);
    for (let i = 0; i < 5; i++) {
      await clock.asleep(JOBS);
      clock.forward(MINUTE_MS);
    }
    await clock.asleep(JOBS);
    const backups = await runsOf(pool, 'backup');
    t.strictSame(
      backups.map(({ state }) => state),
      Array(expected).fill('complete'),
      `after ${days} days`,
    );
    t.equal((await runsOf(pool, 'verify')).length, expected);
  }
  const listed = await upkeep.backups();
  t.equal(listed.length, 2);
  t.ok(listed.every(({ verified_at, trigger }) => verified_at !== null && trigger === 'schedule'));
  await upkeep.cleanUp({ daysToKeep: 1, dryRun: true });
  t.match(upkeep.schedule(), {
    backup: { interval_days: 14, keep: 6, last_error: null, last_good_age_s: Number },
    cleanup: { cron: '0 4 * * *' },
    retention_days: 365,
  });
});

t.test('two replicas on one database make one backup and one cleanup between them', async (t) => {
  const database = await createMigratedDatabase(t);
  const pool = drainPool(t, database.url);
  const clock = new TestClock('2026-11-20T03:30:00Z');
  await start(t, database, clock);
  await start(t, database, clock);
  await clock.asleep(2 * JOBS);
  for (const [stepMs, backups, cleanups] of [
    [MINUTE_MS, 1, 0],
    [30 * MINUTE_MS, 1, 1],
    [15 * DAY_MS, 2, 2],
    [MINUTE_MS, 2, 2],
  ] as const) {
    clock.forward(stepMs);
    await clock.asleep(2 * JOBS);
    t.equal((await runsOf(pool, 'backup')).length, backups);
    t.equal((await runsOf(pool, 'cleanup')).length, cleanups);
  }
});

t.test(
  'a service that is restarted every day still backs up every 14, and cleans up every day',
  async (t) => {
    const database = await createMigratedDatabase(t);
    const pool = drainPool(t, database.url);
    const clock = new TestClock('2026-11-01T08:00:00Z');
    const dataDir = await temporaryDirectory(t);
    for (let day = 0; day < 30; day++) {
      const service = await start(t, database, clock, { dataDir });
      await clock.asleep(JOBS);
      clock.forward(2 * MINUTE_MS);
      await clock.asleep(JOBS);
      await service.close();
      // It never runs at 04:00.
      clock.forward(DAY_MS - 2 * MINUTE_MS);
    }
    const days = (await runsOf(pool, 'backup')).map(({ started_at }) => started_at.slice(0, 10));
    t.strictSame(days, ['2026-11-29', '2026-11-15', '2026-11-01']);
    t.equal((await runsOf(pool, 'cleanup')).length, 29);
  },
);

t.test('a backup of the empty database is none to rely on once events are there', async (t) => {
  const database = await createMigratedDatabase(t);
  const pool = drainPool(t, database.url);
  const clock = new TestClock('2026-11-20T12:00:00Z');
  const forward = async (ms: number) => {
    clock.forward(ms);
    await clock.asleep(JOBS);
  };
  const backups = async () => (await runsOf(pool, 'backup')).length;
  await start(t, database, clock);
  await clock.asleep(JOBS);
  await forward(MINUTE_MS);
  t.equal(await backups(), 1, 'it shows early that backups can be made');
  await forward(HOUR_MS);
  t.equal(await backups(), 1);
  await storeCall(pool, utcTimeFromMs(clock.now()));
  await forward(MINUTE_MS);
  t.equal(await backups(), 2);
  await forward(13 * DAY_MS);
  t.equal(await backups(), 2, 'this one holds');
});

t.test('a cleanup that never ran is made up for, though nothing else ever ran either', async (t) => {
  const database = await createMigratedDatabase(t);
  const pool = drainPool(t, database.url);
  const clock = new TestClock('2026-11-20T12:00:00Z');
  await storeCall(pool, utcTimeFromMs(clock.now() - DAY_MS));
  await start(t, database, clock, { backupIntervalDays: 0 });
  await clock.asleep(JOBS);
  clock.forward(MINUTE_MS);
  await clock.asleep(JOBS);
  t.match(await runsOf(pool, 'cleanup'), [{ state: 'complete' }]);
});

async function storeCall(pool: pg.Pool, receivedAt: string): Promise<void> {
  await pool.query(
    `insert into calls (call_id, call_type, book_a, odds_a, odds_format, roi_percent, sent_at, users_notified,
       received_at, fingerprint)
     values ('c', 'good_ev', 'b', 100, 'american', 1, $1, 0, $1, '')`,
    [receivedAt],
  );
}

t.test('what failed is tried again after an hour, and told by the status until it succeeds', async (t) => {
  const database = await createMigratedDatabase(t);
  const pool = drainPool(t, database.url);
  const clock = new TestClock('2026-11-20T12:00:00Z');
  const dataDir = await temporaryDirectory(t);
  // A file where the directory of backups would be.
  await writeFile(join(dataDir, 'backups'), '');
  const { upkeep } = await start(t, database, clock, { dataDir });
  const states = async () => (await runsOf(pool, 'backup')).map(({ state }) => state);
  const forward = async (ms: number) => {
    clock.forward(ms);
    await clock.asleep(JOBS);
  };
  await clock.asleep(JOBS);
  await forward(MINUTE_MS);
  t.strictSame(await states(), ['failed']);
  await forward(59 * MINUTE_MS);
  t.strictSame(await states(), ['failed']);
  t.match(upkeep.schedule(), { backup: { last_good_at: null, last_error: String } });
  await forward(MINUTE_MS);
  t.strictSame(await states(), ['failed', 'failed']);
  await rm(join(dataDir, 'backups'));
  await mkdir(join(dataDir, 'backups'));
  await forward(HOUR_MS);
  t.strictSame(await states(), ['complete', 'failed', 'failed']);
  await forward(MINUTE_MS);
  t.match(upkeep.schedule(), { backup: { last_good_at: String, last_error: null } });
});

t.test(
  'a call acknowledged today with sent_at of two years ago survives the nightly cleanup, and so does what came before its call',
  async (t) => {
    const database = await createMigratedDatabase(t);
    const pool = drainPool(t, database.url);
    const house = await openHouse(t, database.url);
    const then = (name: string) => ({ [name]: '2023-10-22T05:00:00Z' });
    // All are received at 06:00 of 22 October 2025.
    await house.spool.append(
      recordsOf([
        callOf('history', then('sent_at')),
        clickOf('history', 'k', then('clicked_at')),
        resultOf('history', 'r', { outcome: 'push', ...then('settled_at') }),
        clickOf('not-yet-imported', 'k', then('clicked_at')),
      ]),
    );
    t.ok(await house.drain.flush(IN_TIME_MS));
    const clock = new TestClock('2025-10-23T03:59:00Z');
    await start(t, database, clock, { backupIntervalDays: 0 });
    await clock.asleep(JOBS);
    for (const [stepMs, cleanups, calls, clicks, results] of [
      [MINUTE_MS, 1, 1, 2, 1],
      [364 * DAY_MS, 2, 1, 2, 1],
      [DAY_MS, 3, 0, 0, 0],
    ] as const) {
      clock.forward(stepMs);
      await clock.asleep(JOBS);
      t.equal((await runsOf(pool, 'cleanup')).length, cleanups);
      const { rows } = await pool.query(
        `select (select count(*)::int from calls) as calls, (select count(*)::int from clicks) as clicks,
           (select count(*)::int from results) as results`,
      );
      t.strictSame(rows, [{ calls, clicks, results }], new Date(clock.now()).toISOString());
    }
  },
);

t.test(
  'the scheduled cleanup takes old dead letters too, and does nothing when all is kept for ever',
  async (t) => {
    const database = await createMigratedDatabase(t);
    const pool = drainPool(t, database.url);
    const clock = new TestClock('2026-11-20T03:00:00Z');
    for (const [sequence, at] of [
      [1, '2026-08-22T03:59:59.999999Z'],
      [2, '2026-08-22T04:00:00Z'],
    ] as const)
      await pool.query(
        `insert into dead_letters (spool_id, sequence, reason, detail, dead_lettered_at, payload)
       values ('00000000-0000-7000-8000-000000000000', $1, 'corrupt', '', $2, '')`,
        [sequence, at],
      );
    const none = { backupIntervalDays: 0 };
    const forEver = await start(t, database, clock, {
      ...none,
      retentionDays: 0,
      deadLetterRetentionDays: 0,
    });
    await clock.asleep(JOBS);
    clock.forward(DAY_MS);
    await clock.asleep(JOBS);
    t.strictSame(await listRuns(pool, { limit: 10 }), []);
    await forEver.close();

    const later = new TestClock('2026-11-20T03:00:00Z');
    await start(t, database, later, none);
    await later.asleep(JOBS);
    later.forward(HOUR_MS);
    await later.asleep(JOBS);
    t.match(await listRuns(pool, { limit: 10 }), [
      { task: 'cleanup', state: 'complete', detail: { deleted: { calls: 0, dead_letters: 1 } } },
    ]);
    const { rows } = await pool.query('select sequence from dead_letters');
    t.strictSame(rows, [{ sequence: 2 }]);
  },
);

t.test(
  'a backup that was refuted is no good one; one written by a wrong clock puts nothing off',
  async (t) => {
    const database = await createMigratedDatabase(t);
    const pool = drainPool(t, database.url);
    const clock = new TestClock('2026-11-20T12:00:00Z');
    const at = (days: number) => utcTimeFromMs(clock.now() + days * DAY_MS);
    const run = (task: Run['task'], days: number, detail: Run['detail']) =>
      recordRun(pool, {
        ...{ task, detail, trigger: 'manual', state: 'complete', error: null },
        ...{ started_at: at(days), finished_at: at(days) },
      });
    await run('backup', -1, { backup_id: 'a' });
    await run('verify', -1, { backup_id: 'a', ok: false, problems: ['a byte was flipped'] });
    await run('backup', 4_000, { backup_id: 'b' });
    const { upkeep } = await start(t, database, clock);
    await clock.asleep(JOBS);
    clock.forward(MINUTE_MS);
    await clock.asleep(JOBS);
    t.equal((await runsOf(pool, 'backup')).length, 1);
    clock.forward(0);
    t.equal((await upkeep.backups()).length, 1);
  },
);

t.test('when something is due', async (t) => {
  const at = (time: string) => Date.parse(time);
  const started = at('2026-11-20T12:00:00Z');
  const soon = started + MINUTE_MS;
  const cron = '0 4 * * *';

  t.equal(backupDueAt({ lastGoodMs: null, lastFailureMs: null }, 0, started), null);
  t.equal(backupDueAt({ lastGoodMs: null, lastFailureMs: null }, 14, started), soon);
  t.equal(backupDueAt({ lastGoodMs: started, lastFailureMs: null }, 14, started), started + 14 * DAY_MS);
  t.equal(
    backupDueAt({ lastGoodMs: started - DAY_MS, lastFailureMs: started }, 1, started),
    started + HOUR_MS,
  );
  t.equal(backupDueAt({ lastGoodMs: started, lastFailureMs: started - 1 }, 1, started), started + DAY_MS);

  const past = (state: Run['state'], startedMs: number) => ({
    sinceMs: null,
    last: { state, startedMs, endedMs: startedMs + 1_000 },
  });
  const tomorrow = at('2026-11-21T04:00:00Z');
  t.equal(cleanupDueAt({ last: null, sinceMs: null }, cron, started), tomorrow);
  t.equal(cleanupDueAt({ last: null, sinceMs: started - DAY_MS }, cron, started), soon, 'made up for');
  t.equal(cleanupDueAt(past('complete', at('2026-11-20T04:00:00Z')), cron, started), tomorrow);
  t.equal(cleanupDueAt(past('complete', at('2026-11-19T04:00:00Z')), cron, started), soon);
  t.equal(cleanupDueAt(past('stopped', started - 5_000), cron, started), soon, 'goes on');
  t.equal(cleanupDueAt(past('failed', started), cron, started), started + HOUR_MS + 1_000);
});
