import t from 'tap';
import { Watchers } from '../../src/drain/watchers.js';
import { accountOf, IN_TIME_MS, lockWaiters, openHouse, until } from '../helpers/drain.js';
import { callOf, clickOf, clicksOf, recordsOf } from '../helpers/events.js';
import { createMigratedDatabase } from '../helpers/postgres.js';

// A slow machine is no failure.
t.setTimeout(180_000);

const LOCK_CLICKS = 'begin; lock table clicks in access exclusive mode';

t.test('a flush ends when all that was acknowledged before it is stored', async (t) => {
  const db = await createMigratedDatabase(t);
  // Without the flush these would wait for company for a minute.
  const { spool, drain } = await openHouse(t, db.url, {
    batchMaxWaitMs: 60_000,
    batchMaxEvents: 10,
    started: false,
  });
  const pool = db.pool();
  await spool.append(recordsOf(clicksOf('c', 25)));
  const flushed = drain.flush(IN_TIME_MS);
  const house = await openHouse(t, db.url);
  drain.start(house.pool);
  t.ok(await flushed, 'called before the database was there');
  t.equal(accountOf({ spool, drain }).stored, 25);

  await spool.append(recordsOf(clicksOf('c', 3, 'more')));
  t.ok(await drain.flush(IN_TIME_MS));
  const { rows } = await pool.query<{ count: string }>('select count(*) from clicks');
  t.equal(rows[0]?.count, '28');
  t.ok(await drain.flush(0), 'nothing is left');
});

t.test('a flush says so when the time is over, when the drain is paused, and when it stops', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = db.pool({ max: 1 });
  const house = await openHouse(t, db.url);
  await pool.query(LOCK_CLICKS);
  await house.spool.append(recordsOf(clicksOf('c', 3)));
  t.equal(await house.drain.flush(50), false);
  await pool.query('rollback');
  t.ok(await house.drain.flush(IN_TIME_MS));

  const paused = await openHouse(t, db.url, { concurrency: 0 });
  await until(() => paused.drain.state === 'paused');
  t.ok(await paused.drain.flush(50), 'nothing to do is done');
  await paused.spool.append(recordsOf(clicksOf('d', 3)));
  t.equal(await paused.drain.flush(50), false);
  t.strictSame(accountOf(paused), { accepted: 3, stored: 0, duplicate: 0, deadLetter: 0, spooled: 3 });
  const unanswered = paused.drain.flush(IN_TIME_MS);
  const unwatched = paused.drain.outcomes(paused.spool.openedAt, 3, IN_TIME_MS);
  await paused.drain.stop(1_000);
  t.equal(await unanswered, false);
  t.equal(await unwatched, null);
  t.equal(paused.drain.state, 'stopped');
});

t.test('who waits for outcomes gets one per record, in order', async (t) => {
  const db = await createMigratedDatabase(t);
  const { spool, drain } = await openHouse(t, db.url, { batchMaxEvents: 2, concurrency: 1 });
  const call = callOf('c');
  const { first, count } = await spool.append(
    recordsOf([
      call,
      call,
      { ...call, roi_percent: 9 },
      clickOf('c', 'k'),
      clickOf('c', 'k', { user_id: 'u' }),
    ]),
  );
  t.strictSame(await drain.outcomes(first, count, IN_TIME_MS), [
    'stored',
    'duplicate',
    'dead_letter',
    'stored',
    'dead_letter',
  ]);
});

t.test('watching is bounded in time and number', async (t) => {
  const watchers = new Watchers();
  t.equal(await watchers.watch(1, 2, 10), null);
  watchers.settle(1, 'stored');
  const first = watchers.watch(1, 50_000, IN_TIME_MS);
  t.equal(await watchers.watch(50_001, 1, IN_TIME_MS), null, 'too many at once');
  for (let sequence = 1; sequence <= 50_000; sequence++) watchers.settle(sequence, 'stored');
  t.equal((await first)?.length, 50_000);
  const again = watchers.watch(7, 1, IN_TIME_MS);
  watchers.settle(7, 'duplicate');
  t.strictSame(await again, ['duplicate'], 'room again');
  const last = watchers.watch(8, 1, IN_TIME_MS);
  watchers.close();
  t.equal(await last, null, 'nobody is left waiting');
  t.equal(await watchers.watch(9, 1, IN_TIME_MS), null, 'nor begins to');
});

t.test('stopping finishes what the database has in hand and leaves the rest on the spool', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = db.pool({ max: 1 });
  const house = await openHouse(t, db.url, { batchMaxEvents: 10, concurrency: 2 });
  const { spool, drain } = house;
  await until(() => drain.state === 'running');
  await pool.query(LOCK_CLICKS);
  await spool.append(recordsOf(clicksOf('c', 50)));
  const watching = db.pool({ max: 1 });
  await until(async () => (await lockWaiters(watching)) === 2);
  const stopped = drain.stop(IN_TIME_MS);
  await pool.query('commit');
  await stopped;
  t.strictSame(accountOf(house), { accepted: 50, stored: 20, duplicate: 0, deadLetter: 0, spooled: 30 });
  t.equal(drain.state, 'stopped');
  drain.start(house.pool);
  await drain.stop(1_000);
  t.equal(drain.state, 'stopped', 'for good');
  await house.close();

  const next = await openHouse(t, db.url, { directory: house.directory });
  t.ok(await next.drain.flush(IN_TIME_MS));
  t.strictSame(accountOf(next), { accepted: 50, stored: 50, duplicate: 0, deadLetter: 0, spooled: 0 });
});

t.test(
  'stopping ends at its deadline although the database holds the batch, and loses nothing',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = db.pool({ max: 1 });
    const house = await openHouse(t, db.url);
    await until(() => house.drain.state === 'running');
    await pool.query(LOCK_CLICKS);
    await house.spool.append(recordsOf(clicksOf('c', 5)));
    await house.drain.stop(50);
    await house.spool.close();
    await pool.query('commit');

    const next = await openHouse(t, db.url, { directory: house.directory });
    t.ok(await next.drain.flush(IN_TIME_MS));
    t.match(accountOf(next), { accepted: 5, stored: 5, duplicate: 0, spooled: 0 });
  },
);

t.test(
  'stopping during recovery, during the wait after a failure, and while halving ends all of it',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = db.pool({ max: 1 });
    await pool.query('begin; lock table spools in access exclusive mode');
    const recovering = await openHouse(t, db.url);
    await recovering.drain.stop(50);
    t.equal(recovering.drain.state, 'stopped');
    await recovering.spool.close();
    await pool.query('commit');

    await pool.query('alter table clicks rename to away');
    const waiting = await openHouse(t, db.url, { retry: { firstMs: 3_600_000, maxMs: 3_600_000 } });
    await waiting.spool.append(recordsOf(clicksOf('c', 5)));
    await until(() => waiting.drain.state === 'retrying');
    await waiting.drain.stop(IN_TIME_MS);
    t.match(accountOf(waiting), { accepted: 5, stored: 0, spooled: 5 });
    await pool.query('alter table away rename to clicks');

    await pool.query(`alter table clicks add constraint no_poison check (user_id is distinct from 'u77')`);
    const halving = await openHouse(t, db.url, { concurrency: 1 });
    await halving.spool.append(recordsOf(clicksOf('c', 100)));
    await until(() => halving.drain.lastFailure?.code === '23514');
    await halving.drain.stop(IN_TIME_MS);
    const account = accountOf(halving);
    await halving.close();
    const next = await openHouse(t, db.url, { directory: halving.directory });
    t.ok(await next.drain.flush(IN_TIME_MS));
    t.strictSame(accountOf(next), { accepted: 100, stored: 99, duplicate: 0, deadLetter: 1, spooled: 0 });
    t.equal(account.accepted, 100);
    t.equal(next.spool.id, halving.spool.id);
  },
);

t.test('without a database the drain says so and waits, and records are accepted', async (t) => {
  const db = await createMigratedDatabase(t);
  const house = await openHouse(t, db.url, { started: false });
  t.equal(house.drain.state, 'idle');
  t.equal(house.drain.totals, null);
  await house.spool.append(recordsOf(clicksOf('c', 5)));
  t.equal(await house.drain.flush(10), false);
  await house.drain.stop(10);
  t.equal(house.drain.state, 'stopped');
});
