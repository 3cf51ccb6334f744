import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import t from 'tap';
import type pg from 'pg';
import { toBatch } from '../../src/drain/carriage.js';
import type { Spool, SpoolRecord } from '../../src/spool/types.js';
import { insertNew, Wariness } from '../../src/store/write/events.js';
import { groupByIdentity } from '../../src/store/write/identities.js';
import {
  type BatchRange,
  committedOutcomes,
  FencedError,
  holdEpoch,
  recordBatch,
} from '../../src/store/write/progress.js';
import { openSpoolEpoch } from '../../src/store/write/spools.js';
import {
  accountOf,
  type DrainHouse,
  drainPool,
  IN_TIME_MS,
  lockWaiters,
  openHouse,
  until,
} from '../helpers/drain.js';
import { type Body, clicksOf, recordsOf } from '../helpers/events.js';
import { createMigratedDatabase, type Teardown } from '../helpers/postgres.js';
import { temporaryDirectory } from '../helpers/service.js';

// A slow machine is no failure.
t.setTimeout(180_000);

/** The spool's directory as a crash at this moment would leave it. */
async function copyOf(t: Teardown, directory: string): Promise<string> {
  const copy = join(await temporaryDirectory(t), 'copy');
  await cp(directory, copy, { recursive: true, filter: (path) => !basename(path).startsWith('lock.') });
  return copy;
}

async function drained(house: DrainHouse): Promise<DrainHouse> {
  house.drain.start(house.pool);
  if (!(await house.drain.flush(IN_TIME_MS))) throw new Error('not drained in time');
  return house;
}

async function allOf(spool: Spool): Promise<SpoolRecord[]> {
  return spool.reader(0).next({ maxRecords: 10_000, maxBytes: 2 ** 24 });
}

/** What the database holds of clicks, in the history and in the counters. */
async function clicksIn(pool: pg.Pool): Promise<{ rows: number; counted: number }> {
  const { rows } = await pool.query<{ rows: number; counted: number }>(
    `select (select count(*)::int from clicks) as rows, (select coalesce(sum(clicks), 0)::int from call_states) as counted`,
  );
  return rows[0] ?? { rows: NaN, counted: NaN };
}

const poisoned = (events: readonly Body[]): Body[] =>
  events.map((event) => ({ ...event, user_id: 'poison' }));

/** Until undone, no click of the user `poison` can be stored. */
async function holdBackPoison(pool: pg.Pool): Promise<() => Promise<unknown>> {
  await pool.query(`
    create or replace function hold_back() returns trigger language plpgsql as $$
    begin raise exception 'held back' using errcode = '40001'; end $$;
    create trigger hold_back before insert on clicks for each row when (new.user_id = 'poison')
    execute function hold_back()`);
  return () => pool.query('drop trigger hold_back on clicks');
}

t.test('batches committed and not yet released are recognised after a crash', async (t) => {
  const db = await createMigratedDatabase(t);
  const first = await openHouse(t, db.url, {
    started: false,
    batchMaxEvents: 7,
    spool: { segmentBytes: 4096 },
  });
  await first.spool.append(recordsOf([...clicksOf('c', 30), ...clicksOf('c', 10)]));
  const copy = await copyOf(t, first.directory);
  const before = accountOf(await drained(first));
  await first.close();

  const second = await drained(await openHouse(t, db.url, { directory: copy, batchMaxEvents: 500 }));
  t.equal(second.spool.id, first.spool.id);
  t.strictSame(accountOf(second), before);
  t.strictSame(before, { accepted: 40, stored: 30, duplicate: 10, deadLetter: 0, spooled: 0 });
  t.strictSame(await clicksIn(db.pool()), { rows: 30, counted: 30 });
  await second.spool.append(recordsOf(clicksOf('c', 5, 'later')));
  await drained(second);
  t.strictSame(accountOf(second), { accepted: 45, stored: 35, duplicate: 10, deadLetter: 0, spooled: 0 });
});

t.test('crashes with batches missing in the middle leave every record with one outcome', async (t) => {
  const db = await createMigratedDatabase(t);
  const release = await holdBackPoison(db.pool());
  const first = await openHouse(t, db.url, { batchMaxEvents: 10, concurrency: 3, started: false });
  await first.spool.append(
    recordsOf([
      ...poisoned(clicksOf('c', 10, 'a')),
      ...clicksOf('c', 10, 'b'),
      ...poisoned(clicksOf('c', 10, 'd')),
      ...clicksOf('c', 10, 'e'),
    ]),
  );
  first.drain.start(first.pool);
  await until(() => first.drain.totals !== null && accountOf(first).stored === 20);
  const afterFirst = await copyOf(t, first.directory);
  await first.close();
  await release();

  const second = await openHouse(t, db.url, { directory: afterFirst, started: false });
  const afterSecond = await copyOf(t, second.directory);
  await drained(second);
  await second.close();

  const third = await drained(await openHouse(t, db.url, { directory: afterSecond }));
  t.equal(third.spool.id, first.spool.id);
  t.strictSame(accountOf(third), { accepted: 40, stored: 40, duplicate: 0, deadLetter: 0, spooled: 0 });
  t.strictSame(await clicksIn(db.pool()), { rows: 40, counted: 40 });
});

t.test('a backlog of many small batches is recognised in one pass over the spool', async (t) => {
  const db = await createMigratedDatabase(t);
  const first = await openHouse(t, db.url, { started: false, batchMaxEvents: 1 });
  await first.spool.append(recordsOf(clicksOf('c', 300)));
  const copy = await copyOf(t, first.directory);
  await drained(first);
  await first.close();

  const house = await openHouse(t, db.url, { directory: copy, started: false });
  // Each reader reads its first segment from the front.
  let readers = 0;
  const reader = house.spool.reader.bind(house.spool);
  house.spool.reader = (after) => {
    readers++;
    return reader(after);
  };
  await drained(house);
  t.equal(readers, 2, 'one to recognise, one to drain');
  t.match(accountOf(house), { accepted: 300, stored: 300, spooled: 0 });
});

t.test('the first opening waits for a transaction of an earlier one that is still in doubt', async (t) => {
  for (const end of ['commit', 'rollback'] as const) {
    const db = await createMigratedDatabase(t);
    const pool = drainPool(t, db.url);
    const first = await openHouse(t, db.url, { started: false });
    await first.spool.append(recordsOf(clicksOf('c', 10)));
    const { id, firstHeld } = first.spool;
    const { epoch } = await openSpoolEpoch(pool, id, firstHeld);
    const batch = toBatch(await allOf(first.spool), { spoolId: id, epoch });

    const client = await pool.connect();
    await client.query('begin');
    await holdEpoch(client, batch);
    const groups = groupByIdentity(batch.records.map(({ record }) => record));
    await insertNew(client, groups, new Wariness());
    await recordBatch(client, batch, new Array<'stored'>(10).fill('stored'));
    await first.close();

    const second = await openHouse(t, db.url, { directory: first.directory });
    await until(async () => (await lockWaiters(pool)) === 1);
    t.equal(second.drain.state, 'recovering');
    t.equal(second.drain.totals, null);
    await client.query(end);
    client.release();
    t.ok(await second.drain.flush(IN_TIME_MS));
    t.strictSame(accountOf(second), { accepted: 10, stored: 10, duplicate: 0, deadLetter: 0, spooled: 0 });
    t.equal(second.spool.id, id);
    const batches = await pool.query<{ sum: number }>('select sum(stored)::int as sum from drain_batches');
    t.equal(batches.rows[0]?.sum, 10, end);
    t.strictSame(await clicksIn(pool), { rows: 10, counted: 10 });
  }
});

t.test(
  'a batch of a drain that was fenced off is refused, and its doubt is no question any more',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = drainPool(t, db.url);
    const { spool, drain } = await openHouse(t, db.url, { batchMaxEvents: 4 });
    await until(() => drain.state === 'running');
    await spool.append(recordsOf(clicksOf('c', 8)));
    t.ok(await drain.flush(IN_TIME_MS));
    // As if another process with a copy of the spool had drained these records in batches of its own.
    const range = { spoolId: spool.id, first: spool.openedAt, last: spool.openedAt + 7, checksum: 1 };
    const old: BatchRange = { ...range, epoch: 0 };
    await t.rejects(committedOutcomes(pool, old), FencedError);
    const client = await pool.connect();
    await t.rejects(holdEpoch(client, old), FencedError);
    client.release();
  },
);

t.test('a drain that is fenced off begins anew and goes on', async (t) => {
  const db = await createMigratedDatabase(t);
  const house = await openHouse(t, db.url);
  await house.spool.append(recordsOf(clicksOf('c', 10)));
  await drained(house);
  const { id } = house.spool;
  await db.pool().query('update spools set epoch = epoch + 1');
  await house.spool.append(recordsOf(clicksOf('c', 10, 'more')));
  await drained(house);
  t.equal(house.spool.id, id);
  t.strictSame(accountOf(house), { accepted: 20, stored: 20, duplicate: 0, deadLetter: 0, spooled: 0 });
});

t.test(
  'a spool that meets another, or an older, database takes a new identity and loses nothing',
  async (t) => {
    const small = { spool: { segmentBytes: 4096 }, batchMaxEvents: 5 };
    for (const [name, harm] of [
      ['another database', null],
      [
        'batches are missing',
        'delete from drain_batches where ctid in (select ctid from drain_batches limit 1)',
      ],
      ['the sums are lower', 'update spools set stored = stored - 1'],
      ['the sums are higher', 'update spools set stored = stored + 1'],
    ] as const) {
      const db = await createMigratedDatabase(t);
      const first = await openHouse(t, db.url, small);
      for (const prefix of ['a', 'b', 'd']) await first.spool.append(recordsOf(clicksOf('c', 20, prefix)));
      await drained(first);
      const left = recordsOf(clicksOf('c', 20, 'left'));
      await first.drain.stop(1_000);
      await first.spool.append(left);
      await first.close();
      if (harm !== null) await db.pool().query(harm);

      const other = harm === null ? await createMigratedDatabase(t) : db;
      const second = await openHouse(t, other.url, { ...small, directory: first.directory });
      await drained(second);
      t.not(second.spool.id, first.spool.id, name);
      const account = accountOf(second);
      t.ok(account.accepted >= 20, 'all that was on the spool is drained under the new id');
      t.equal(account.stored, harm === null ? account.accepted : 20);
      t.match(account, { deadLetter: 0, spooled: 0 });
      if (harm !== null) t.strictSame(await clicksIn(db.pool()), { rows: 80, counted: 80 });
      await second.close();

      const third = await drained(await openHouse(t, other.url, { ...small, directory: first.directory }));
      t.strictSame([third.spool.id, accountOf(third)], [second.spool.id, account], 'and keeps it');
      await third.close();
    }
  },
);

t.test('a rolled-back spool that gives sequences again takes a new identity', async (t) => {
  for (const reopened of [false, true]) {
    const db = await createMigratedDatabase(t);
    const first = await drained(await openHouse(t, db.url));
    await first.spool.append(recordsOf(clicksOf('c', 10, 'a')));
    await drained(first);
    await first.close();
    const copy = await copyOf(t, first.directory);

    const gone = await openHouse(t, db.url, { directory: first.directory });
    await gone.spool.append(recordsOf(clicksOf('c', 10, 'b')));
    await drained(gone);
    await gone.close();

    let back = await openHouse(t, db.url, { directory: copy, started: false });
    await back.spool.append(recordsOf(clicksOf('c', 10, 'other')));
    if (reopened) {
      await back.close();
      back = await openHouse(t, db.url, { directory: copy, started: false });
    }
    await drained(back);
    t.not(back.spool.id, first.spool.id);
    t.match(accountOf(back), { stored: 10, deadLetter: 0, spooled: 0 });
    t.strictSame(await clicksIn(db.pool()), { rows: 30, counted: 30 });
  }
});

t.test(
  'records that are not those of the batch stored under their sequences are drained under a new identity',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const first = await openHouse(t, db.url, { started: false });
    await first.spool.append(recordsOf(clicksOf('c', 10)));
    const copy = await copyOf(t, first.directory);
    await drained(first);
    await first.close();
    await db.pool().query('update drain_batches set checksum = (checksum + 1) % 4294967296');
    const second = await drained(await openHouse(t, db.url, { directory: copy }));
    t.not(second.spool.id, first.spool.id);
    t.strictSame(accountOf(second), { accepted: 10, stored: 0, duplicate: 10, deadLetter: 0, spooled: 0 });
  },
);

t.test('two processes with copies of one spool end with everything stored', async (t) => {
  const db = await createMigratedDatabase(t);
  const one = await openHouse(t, db.url, { started: false, batchMaxEvents: 3 });
  await one.spool.append(recordsOf(clicksOf('c', 50, 'shared')));
  const two = await openHouse(t, db.url, {
    directory: await copyOf(t, one.directory),
    started: false,
    batchMaxEvents: 7,
  });
  for (const { drain, pool } of [one, two]) drain.start(pool);
  for (let round = 0; round < 10; round++) {
    await Promise.all([
      one.spool.append(recordsOf(clicksOf('c', 5, `one${round}-`))),
      two.spool.append(recordsOf(clicksOf('c', 5, `two${round}-`))),
    ]);
  }
  await Promise.all([drained(one), drained(two)]);
  t.not(one.spool.id, two.spool.id);
  t.strictSame(await clicksIn(db.pool()), { rows: 150, counted: 150 });
  for (const house of [one, two]) t.match(accountOf(house), { deadLetter: 0, spooled: 0 });
});

t.test(
  'batches are folded into sums when the spool has dropped their records, and the totals stay',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const small = { spool: { segmentBytes: 4096 }, batchMaxEvents: 5 };
    const first = await openHouse(t, db.url, small);
    for (const prefix of ['a', 'a', 'b', 'd']) await first.spool.append(recordsOf(clicksOf('c', 20, prefix)));
    const before = accountOf(await drained(first));
    await first.close();
    const count = async (): Promise<number> => {
      const { rows } = await db
        .pool()
        .query<{ rows: number }>('select count(*)::int as rows from drain_batches');
      return rows[0]?.rows ?? NaN;
    };
    t.ok((await count()) >= 16);
    const second = await openHouse(t, db.url, { ...small, directory: first.directory });
    t.strictSame(accountOf(await drained(second)), before);
    t.strictSame(before, { accepted: 80, stored: 60, duplicate: 20, deadLetter: 0, spooled: 0 });
    t.ok((await count()) < 16, 'folded');
  },
);

t.test(
  'records that rotted on the disk are dead letters, counted once, and the rest is stored',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const small = { spool: { segmentBytes: 4096 }, started: false };
    const first = await openHouse(t, db.url, small);
    for (const prefix of ['a', 'b', 'd']) await first.spool.append(recordsOf(clicksOf('c', 10, prefix)));
    await first.close();
    const [segment = ''] = (await readdir(first.directory)).filter((name) => name.endsWith('.seg')).sort();
    const path = join(first.directory, segment);
    const bytes = await readFile(path);
    // So that it would still pass for an event.
    bytes.write('X3', bytes.indexOf('"u3"') + 1);
    await writeFile(path, bytes);

    const second = await openHouse(t, db.url, { ...small, directory: first.directory });
    const copy = await copyOf(t, second.directory);
    await drained(second);
    const expected = { accepted: 30, stored: 29, duplicate: 0, deadLetter: 1, spooled: 0 };
    t.strictSame(accountOf(second), expected);
    const { rows } = await db
      .pool()
      .query<{ reason: string; payload: Buffer; call_id: string | null }>(
        'select reason, payload, call_id from dead_letters',
      );
    t.match(rows, [{ reason: 'corrupt', call_id: null }]);
    t.ok(rows[0]?.payload.includes('"X3"'), 'what lies on the disk is kept');
    await second.close();

    const third = await drained(await openHouse(t, db.url, { ...small, directory: copy }));
    t.strictSame([third.spool.id, accountOf(third)], [first.spool.id, expected], 'the same after a crash');
  },
);
