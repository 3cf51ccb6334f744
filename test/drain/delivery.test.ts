import t from 'tap';
import type pg from 'pg';
import { encodeRecord } from '../../src/events/record.js';
import { accountOf, drainPool, IN_TIME_MS, lockWaiters, openHouse, until } from '../helpers/drain.js';
import { callOf, clickOf, clicksOf, recordOf, recordsOf } from '../helpers/events.js';
import { createMigratedDatabase } from '../helpers/postgres.js';
import { createCommitProxy } from '../helpers/proxy.js';
import { decodeRecord } from '../helpers/records.js';

// A slow machine is no failure.
t.setTimeout(180_000);

/** A call that the door would refuse and that another version might have let through: `users_notified` is no int4. */
function tooManyNotified(callId: string): { record: Buffer; payload: Buffer } {
  const payload = Buffer.from(JSON.stringify({ ...callOf(callId), users_notified: 3e9 }, null, 2));
  const { event } = decodeRecord(recordOf(callOf(callId)));
  if (event.type !== 'call') throw new Error('not a call');
  const tooMany = { ...event, row: { ...event.row, users_notified: 3e9 } };
  return {
    record: encodeRecord({ event: tooMany, fingerprint: '0'.repeat(64), source: null, payload }),
    payload,
  };
}

interface Letter {
  readonly reason: string;
  readonly detail: string;
  readonly event_id: string | null;
  readonly payload: Buffer;
}

async function lettersIn(pool: pg.Pool): Promise<Letter[]> {
  const { rows } = await pool.query<Letter>(
    'select reason, detail, event_id, payload from dead_letters order by spool_id, sequence',
  );
  return rows;
}

/** Makes PostgreSQL fail each insert of a click of the user `poison`, for as long as `when` holds. */
async function poison(pool: pg.Pool, sqlstate: string, when = 'true'): Promise<void> {
  await pool.query(`
    create sequence attempts;
    create function refuse() returns trigger language plpgsql as $$
    begin
      perform nextval('attempts');
      if ${when} then raise exception 'made by the test' using errcode = '${sqlstate}'; end if;
      return new;
    end $$;
    create trigger refuse before insert on clicks for each row when (new.user_id = 'poison') execute function refuse()`);
}

async function attempts(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ attempts: string }>(
    'select case when is_called then last_value else 0 end as attempts from attempts',
  );
  return Number(rows[0]?.attempts);
}

async function clickState(pool: pg.Pool): Promise<unknown[]> {
  const { rows } = await pool.query<Record<string, unknown>>(
    `select (select count(*)::int from clicks) as rows, clicks, users_clicked, users_bet from call_states`,
  );
  return rows;
}

t.test('a refused event alone becomes a dead letter, wherever in its batch it stands', async (t) => {
  for (const [name, bad] of [
    ['one', [17]],
    ['two beside each other', [16, 17]],
    ['the first', [0]],
    ['the last', [39]],
    ['several', [0, 3, 20, 21, 22, 39]],
    ['all', Array.from({ length: 40 }, (_, index) => index)],
  ] as const) {
    const db = await createMigratedDatabase(t);
    const pool = db.pool();
    await pool.query(
      `alter table clicks add constraint no_poison check (user_id is distinct from 'poison') not valid`,
    );
    const house = await openHouse(t, db.url, { started: false });
    const isBad = new Set<number>(bad);
    const payloads = Array.from({ length: 40 }, (_, index) => {
      const click = clickOf('c', `k${index}`, { user_id: isBad.has(index) ? 'poison' : 'good' });
      return Buffer.from(JSON.stringify(click, null, index % 3));
    });
    await house.spool.append(
      payloads.map((payload) => recordOf(JSON.parse(payload.toString()) as Record<string, unknown>, payload)),
    );
    house.drain.start(house.pool);
    t.ok(await house.drain.flush(IN_TIME_MS));

    const letters = await lettersIn(pool);
    t.strictSame(
      letters.map(({ reason, payload }) => [reason, payload.toString()]),
      bad.map((index) => ['data_error', payloads[index]?.toString()]),
      name,
    );
    t.ok(letters.every(({ detail }) => detail.startsWith('23514: ')));
    const { rows } = await pool.query<{ stored: number }>('select count(*)::int as stored from clicks');
    t.equal(rows[0]?.stored, 40 - bad.length);
    const { accepted, stored, duplicate, deadLetter } = accountOf(house);
    t.strictSame([accepted, stored, duplicate, deadLetter], [40, 40 - bad.length, 0, bad.length]);
    await house.close();
  }
});

t.test('a value no column can hold is a data error too, and its call alone is missing', async (t) => {
  const db = await createMigratedDatabase(t);
  const house = await openHouse(t, db.url);
  const { record, payload } = tooManyNotified('bad');
  await house.spool.append([recordOf(callOf('a')), record, recordOf(callOf('b'))]);
  t.ok(await house.drain.flush(IN_TIME_MS));
  const letters = await lettersIn(db.pool());
  t.strictSame(
    letters.map(({ reason, detail, payload }) => [reason, detail.slice(0, 5), payload.toString()]),
    [['data_error', '22003', payload.toString()]],
  );
  t.match(accountOf(house), { stored: 2, deadLetter: 1, spooled: 0 });
});

t.test('an event that fails for no known reason while others are stored is unstorable', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = db.pool();
  await poison(pool, 'XX000');
  const house = await openHouse(t, db.url, { batchMaxEvents: 20 });
  const clicks = clicksOf('c', 100).map((click, index) =>
    index === 30 ? { ...click, user_id: 'poison' } : click,
  );
  await house.spool.append(recordsOf(clicks));
  // Others go on coming, which shows that nothing is wrong with the database.
  for (let more = 0; house.spool.firstUnreleased <= house.spool.openedAt + 99; more++) {
    await house.spool.append([recordOf(clickOf('d', `more${more}`))]);
    await until(() => house.drain.totals !== null && accountOf(house).stored > more);
  }
  t.ok(await house.drain.flush(IN_TIME_MS));
  t.strictSame(
    (await lettersIn(pool)).map(({ reason, detail, event_id }) => [reason, detail, event_id]),
    [['unstorable', 'XX000: made by the test', 'k30']],
  );
  t.match(accountOf(house), { deadLetter: 1, duplicate: 0, spooled: 0 });
});

t.test('nothing is unstorable while nothing at all can be stored', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = db.pool();
  await poison(pool, 'XX000');
  const house = await openHouse(t, db.url, { batchMaxEvents: 2 });
  await house.spool.append(recordsOf(clicksOf('c', 40).map((click) => ({ ...click, user_id: 'poison' }))));
  await until(async () => (await attempts(pool)) > 600);
  t.match(accountOf(house), { stored: 0, deadLetter: 0, spooled: 40 });
  t.equal(house.drain.state, 'retrying');
  await pool.query('drop trigger refuse on clicks');
  t.ok(await house.drain.flush(IN_TIME_MS));
  t.match(accountOf(house), { stored: 40, deadLetter: 0 });
});

t.test(
  'an event that fails for the state of the database is never condemned, though others commit',
  async (t) => {
    for (const code of ['42501', '53100', '57014', '40001']) {
      const db = await createMigratedDatabase(t);
      const pool = db.pool();
      await poison(pool, code);
      const house = await openHouse(t, db.url, { batchMaxEvents: 5 });
      await house.spool.append([recordOf({ ...clickOf('c', 'bad'), user_id: 'poison' })]);
      for (let n = 0; (await attempts(pool)) < 40; n++) {
        await house.spool.append([recordOf(clickOf('c', `good-${n}`))]);
      }
      t.strictSame(await lettersIn(pool), [], code);
      await pool.query('drop trigger refuse on clicks');
      t.ok(await house.drain.flush(IN_TIME_MS));
      t.match(accountOf(house), { deadLetter: 0, spooled: 0 });
      t.equal(house.drain.lastFailure, null, 'nothing is wrong any more');
      await house.close();
    }
  },
);

t.test('errors of the database, however often, are waited out and condemn nothing', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = db.pool();
  const house = await openHouse(t, db.url, { batchMaxEvents: 10, statementTimeoutMs: 300 });
  const { spool, drain } = house;
  let stored = 0;
  const append = async (prefix: string): Promise<void> => {
    await spool.append(
      recordsOf(clicksOf('c', 30, prefix).map((click) => ({ ...click, user_id: 'poison' }))),
    );
    stored += 30;
  };
  const allStored = async (name: string): Promise<void> => {
    t.ok(await drain.flush(IN_TIME_MS), name);
    t.strictSame(await lettersIn(pool), []);
    t.match(accountOf(house), { stored, duplicate: 0, deadLetter: 0, spooled: 0 }, name);
    t.equal(drain.state, 'running');
  };
  /** Waits for a failure with this code. */
  const fails = (...codes: string[]): Promise<void> =>
    until(() => drain.state === 'retrying' && codes.includes(drain.lastFailure?.code ?? ''));

  for (const code of ['08006', '25006', '28000', '40001', '40P01', '42P01', '53100', '57014', '58030']) {
    await poison(pool, code, "nextval('attempts') < 16");
    await append(code);
    await allStored(code);
    t.ok((await attempts(pool)) >= 16, `${code} was raised`);
    await pool.query('drop trigger refuse on clicks; drop function refuse; drop sequence attempts');
  }

  await pool.query('alter table call_states rename to away');
  await append('renamed');
  await fails('42P01');
  await pool.query('alter table away rename to call_states');
  await allStored('a table was away');

  await pool.query(`do $$ begin
    execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$`);
  await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name like 'call-logger%'`);
  await append('readonly');
  await fails('25006');
  await pool.query(`set default_transaction_read_only = off; do $$ begin
    execute format('alter database %I reset default_transaction_read_only', current_database()); end $$`);
  await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name like 'call-logger%'`);
  await allStored('the database was read-only');

  const locker = await pool.connect();
  await locker.query('begin; lock table call_states in access exclusive mode');
  await append('locked');
  await fails('57014');
  await locker.query('commit');
  await allStored('a statement ran into its time limit');

  await locker.query('begin; lock table call_states in access exclusive mode');
  await append('killed');
  await until(async () => {
    const { rowCount } = await pool.query(`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name like 'call-logger%' and wait_event_type = 'Lock'`);
    return rowCount === 2;
  });
  await locker.query('commit');
  locker.release();
  await allStored('the connections were ended at work');
  t.strictSame(await clickState(pool), [{ rows: stored, clicks: stored, users_clicked: 1, users_bet: 1 }]);
});

t.test('a COMMIT whose answer never came counts once, whatever became of it', async (t) => {
  const db = await createMigratedDatabase(t);
  const proxy = await createCommitProxy(t, db.url);
  // Several at once, so that two batches are in doubt together, and the question about them gets lost as well.
  const house = await openHouse(t, proxy.url, { batchMaxEvents: 10, statementTimeoutMs: 500 });
  await until(() => house.drain.state === 'running');
  const pool = drainPool(t, db.url);
  let round = 0;
  for (const fates of [
    ['lost_answer'],
    ['lost_request'],
    ['lost_answer', 'lost_answer', 'lost_answer', 'lost_answer'],
    ['lost_request', 'lost_answer', 'lost_request', 'lost_answer', 'lost_request'],
    ['hung_answer', 'hung_request'],
  ] as const) {
    proxy.fates.push(...fates);
    const { first, count } = await house.spool.append(recordsOf(clicksOf('c', 40, `r${round}-`)));
    round++;
    const outcomes = await house.drain.outcomes(first, count, IN_TIME_MS);
    t.strictSame(outcomes, new Array(40).fill('stored'), fates.join(' '));
    t.strictSame(proxy.fates, [], 'every fate was met');
    t.match(accountOf(house), { stored: 40 * round, duplicate: 0, deadLetter: 0, spooled: 0 });
    t.strictSame(await clickState(pool), [
      { rows: 40 * round, clicks: 40 * round, users_clicked: 40, users_bet: 40 },
    ]);
  }
});

t.test(
  'connections that go silent or break at work are replaced, and the batch is stored once',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const proxy = await createCommitProxy(t, db.url);
    const house = await openHouse(t, proxy.url, { batchMaxEvents: 5, statementTimeoutMs: 500 });
    const pool = db.pool();
    await house.spool.append(recordsOf(clicksOf('c', 20, 'before')));
    t.ok(await house.drain.flush(IN_TIME_MS));
    proxy.silence();
    await house.spool.append(recordsOf(clicksOf('c', 20, 'silent')));
    t.ok(await house.drain.flush(IN_TIME_MS));

    const locker = await pool.connect();
    await locker.query('begin; lock table clicks in access exclusive mode');
    await house.spool.append(recordsOf(clicksOf('c', 20, 'cut')));
    await until(async () => (await lockWaiters(pool)) === 2);
    proxy.cut();
    await locker.query('commit');
    locker.release();
    t.ok(await house.drain.flush(IN_TIME_MS));
    t.match(accountOf(house), { stored: 60, duplicate: 0, deadLetter: 0, spooled: 0 });
    t.strictSame(await clickState(pool), [{ rows: 60, clicks: 60, users_clicked: 20, users_bet: 20 }]);
  },
);

t.test('bad events in every place where a batch is worked on hold back none of the good ones', async (t) => {
  for (const [name, batchMaxEvents, concurrency, bad] of [
    ['one batch and nothing else', 500, 1, [0]],
    ['the only place', 1, 1, [0]],
    ['both places', 1, 2, [0, 1, 2]],
    ['every batch', 10, 2, [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]],
  ] as const) {
    const db = await createMigratedDatabase(t);
    const pool = db.pool();
    await poison(pool, 'P0001');
    const house = await openHouse(t, db.url, { batchMaxEvents, concurrency, started: false });
    const isBad = new Set<number>(bad);
    const clicks = clicksOf('c', 100).map((click, index) =>
      isBad.has(index) ? { ...click, user_id: 'poison' } : click,
    );
    await house.spool.append(recordsOf(clicks));
    house.drain.start(house.pool);
    await until(() => house.drain.totals !== null && accountOf(house).stored >= 100 - bad.length);
    // What becomes of others is the proof that the fault is not the database's.
    let more = 0;
    for (; house.spool.firstUnreleased < house.spool.openedAt + 100; more++) {
      const { first, count } = await house.spool.append([recordOf(clickOf('d', `more${more}`))]);
      t.ok(await house.drain.outcomes(first, count, IN_TIME_MS));
    }
    t.ok(await house.drain.flush(IN_TIME_MS));
    t.strictSame(
      (await lettersIn(pool)).map(({ reason, event_id }) => [reason, event_id]),
      bad.map((index) => ['unstorable', `k${index}`]),
      name,
    );
    t.match(accountOf(house), { stored: 100 - bad.length + more, duplicate: 0, spooled: 0 });
  }
});
