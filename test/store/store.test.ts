import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import t from 'tap';
import type pg from 'pg';
import { isBlank } from '../../src/events/blank.js';
import { clvPercent, decimalOdds, impliedRoiPercent } from '../../src/events/odds.js';
import { Deferred } from '../../src/lib/deferred.js';
import { classify } from '../../src/store/errors.js';
import { migrate } from '../../src/store/migrate.js';
import { type CallWithHistory, readCall } from '../../src/store/read/call.js';
import { QueryQueue } from '../../src/store/query-queue.js';
import type { StatisticsQuestion } from '../../src/store/read/statistics/statistics.js';
import { StoreBusyError, StoreUnavailableError } from '../../src/store/refusals.js';
import { Store } from '../../src/store/store.js';
import { query } from '../../src/store/transaction.js';
import { drainPool, IN_TIME_MS, lockWaiters, openHouse, silent, until } from '../helpers/drain.js';
import { type Body, callOf, clickOf, recordOf, recordsOf, resultOf } from '../helpers/events.js';
import { createDatabase, createMigratedDatabase, type Teardown } from '../helpers/postgres.js';
import { createCommitProxy } from '../helpers/proxy.js';
import { openStore } from '../helpers/store.js';
import { root } from '../helpers/program.js';

// A slow machine is no failure.
t.setTimeout(180_000);

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 10);

const db = await createMigratedDatabase(t);
const house = await openHouse(t, db.url);
const pool = drainPool(t, db.url);

async function store(records: readonly Uint8Array[]): Promise<void> {
  const { first, count } = await house.spool.append(records);
  const outcomes = await house.drain.outcomes(first, count, IN_TIME_MS);
  assert.deepEqual(outcomes, new Array<string>(count).fill('stored'));
}

async function read(callId: string, from: pg.Pool = pool): Promise<CallWithHistory> {
  const call = await readCall(from, callId);
  assert.ok(call, `${callId} is stored`);
  return call;
}

let made = 0;
const newId = (): string => `call-${made++}`;

t.test('the schema is brought up to date once, by several at once and by repetition', async (t) => {
  const fresh = await createDatabase(t);
  const pools = Array.from({ length: 4 }, () => drainPool(t, fresh.url, 1));
  await Promise.all(pools.map(migrate));
  await migrate(drainPool(t, fresh.url, 1));
  const journal = await readFile(`${root}drizzle/migrations/meta/_journal.json`, 'utf8');
  // Written by drizzle-kit.
  const { entries } = JSON.parse(journal) as { entries: unknown[] };
  const { rows } = await drainPool(t, fresh.url, 1).query<{ count: number }>(
    'select count(*) as count from drizzle.__drizzle_migrations',
  );
  t.equal(rows[0]?.count, entries.length);
});

t.test('a database in another encoding is refused with the reason', async (t) => {
  const fresh = await createDatabase(t);
  const name = `${fresh.name}_latin1`;
  await fresh
    .pool({ max: 1 })
    .query(`create database ${name} encoding 'LATIN1' locale_provider libc locale 'C' template template0`);
  const url = new URL(fresh.url);
  url.pathname = `/${name}`;
  await t.rejects(migrate(drainPool(t, url.href, 1)), {
    name: 'UnusableDatabaseError',
    message: /^the database "\S+_latin1" has the encoding LATIN1, and has to have UTF8: /,
  });
});

t.test('tables that are not ours are neither used nor changed', async (t) => {
  const fresh = await createDatabase(t);
  const bot = drainPool(t, fresh.url, 1);
  await bot.query('create table arbitrage_calls (id serial primary key, sport text)');
  await t.rejects(migrate(bot), {
    name: 'UnusableDatabaseError',
    message:
      /has public\.arbitrage_calls already, which call-logger did not make: give call-logger a database/,
  });
  const { rows } = await bot.query(
    `select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v')`,
  );
  t.strictSame(rows, [{ relname: 'arbitrage_calls' }]);
  await bot.query('alter table arbitrage_calls rename to bot_calls');
  await migrate(bot);
  t.pass('once it is out of the way');
});

t.test('numbers come back as the doubles that were sent', async (t) => {
  const special = [
    0.1 + 0.2,
    1e-300,
    5e-324,
    1e9,
    -1e9,
    999999999.9999999,
    0.1,
    1 / 3,
    -0.5,
    2 ** -1074,
    123456789.12345679,
  ];
  const double = fc.oneof(
    fc.constantFrom(...special),
    fc.double({ min: -1e9, max: 1e9, noNaN: true }),
    fc.double({ min: -1e-200, max: 1e-200, noNaN: true }),
  );
  const numbers = fc.array(fc.tuple(double, double, double), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(numbers, async (list) => {
      const cases = list.map((values) => ({ id: newId(), values }));
      await store(
        recordsOf(
          cases.flatMap(({ id, values: [roi, profit, clv] }) => [
            callOf(id, { roi_percent: roi, profit_expected: profit }),
            resultOf(id, 'r', { profit_actual: clv, clv_a: roi }),
          ]),
        ),
      );
      for (const { id, values } of cases) {
        const [roi, profit, clv] = values.map((value) => (value === 0 ? 0 : value));
        const call = await read(id);
        assert.ok(Object.is(call.roi_percent, roi), String(roi));
        assert.ok(Object.is(call.profit_expected, profit), String(profit));
        assert.ok(Object.is(call.profit_actual, clv), String(clv));
        assert.ok(Object.is(call.clv_a, roi), String(roi));
        assert.ok(Object.is(call.results[0]?.profit_actual, clv), String(clv));
      }
    }),
    { numRuns },
  );
  const zero = callOf(newId(), { roi_percent: -0 });
  const text = JSON.stringify(zero).replace('"roi_percent":0', '"roi_percent":-0');
  t.match(text, '-0');
  await store([recordOf(zero, Buffer.from(text))]);
  t.ok(Object.is((await read(String(zero['call_id']))).roi_percent, 0), '-0 is 0');
});

t.test('text comes back character by character, wherever it stands', async (t) => {
  const awkward = [
    '',
    ' ',
    `'"\`\\ \\n \\u0041 $1 $$ ; -- /* {}[](),:`,
    '\n\r\t\u0001\u001f\u007f\u0085\u2028\u2029\ufeff',
    '🏀👩‍👩‍👧‍👦🇫🇷',
    'مرحبا \u202eשלום\u202c',
    'e\u0301 \u00e9 \u0000'.replace('\u0000', '\uffff'),
    'NULL',
    'null',
    '{a,"b"}',
    '\\x00',
    'x'.repeat(256),
  ];
  const text = fc
    .oneof(
      fc.constantFrom(...awkward),
      fc.string({ unit: 'binary', maxLength: 60 }).map((value) => value.replaceAll('\u0000', '')),
    )
    // Blank text is absent, or refused.
    .map((value) => (isBlank(value) ? `${value.slice(0, 200)}x` : value));
  const texts = fc.record({
    sport: text,
    league: text,
    team_a: text,
    team_b: text,
    book_a: text,
    book_b: text,
    market: text,
    source: text,
    notified_user_ids: fc.uniqueArray(text, { maxLength: 8 }),
    user_id: text,
    raw: fc.dictionary(text, fc.oneof(text, fc.constant(null)), { maxKeys: 4, noNullPrototype: true }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(texts, { minLength: 1, maxLength: 30 }), async (list) => {
      const cases = list.map(({ user_id, ...call }) => ({ id: newId(), user_id, call }));
      await store(
        recordsOf(
          cases.flatMap(({ id, user_id, call }) => [callOf(id, call), clickOf(id, 'k', { user_id })]),
        ),
      );
      for (const { id, user_id, call } of cases) {
        const found: Body = await read(id);
        assert.deepEqual(Object.fromEntries(Object.keys(call).map((key) => [key, found[key]])), call);
        const click = await pool.query('select user_id from clicks where call_id = $1', [id]);
        assert.deepEqual(click.rows, [{ user_id }]);
      }
    }),
    { numRuns },
  );
  t.pass(`${numRuns} runs`);
});

t.test(
  'dates and times come back to the day and the microsecond, in any time zone of the session',
  async (t) => {
    const pools = [
      pool,
      db.pool({ max: 1 }),
      db.pool({ max: 1, options: '-c timezone=Asia/Kathmandu' }),
      db.pool({ max: 1, options: '-c timezone=America/St_Johns' }),
    ];
    for (const match_date of [
      '0001-01-01',
      '0044-03-15',
      '1582-10-10',
      '2024-02-29',
      '2025-03-30',
      '9999-12-31',
    ]) {
      const call = callOf(newId(), { match_date });
      await store([recordOf(call)]);
      for (const each of pools) t.equal((await read(String(call['call_id']), each)).match_date, match_date);
    }
    for (const [sent, kept] of [
      ['2025-03-30T01:59:59.999999Z', '2025-03-30T01:59:59.999999Z'],
      ['2025-10-22T12:00:00.000001+05:45', '2025-10-22T06:15:00.000001Z'],
      ['1999-12-31T23:59:59.5-00:01', '2000-01-01T00:00:59.500000Z'],
      ['1970-01-01t00:00:00z', '1970-01-01T00:00:00.000000Z'],
    ] as const) {
      const call = callOf(newId(), { commence_time: sent });
      await store([recordOf(call)]);
      for (const each of pools) t.equal((await read(String(call['call_id']), each)).commence_time, kept);
    }
    for (const extreme of ['0001-01-01T00:00:00.000000Z', '9999-12-31T23:59:59.999999Z']) {
      const call = callOf(newId(), { commence_time: extreme });
      await store([recordOf(call)]);
      t.equal((await read(String(call['call_id']))).commence_time, extreme);
    }
  },
);

t.test(
  'a transaction is as the service needs it, whatever database and URL say, and a commit is durable',
  async (t) => {
    const fresh = await createMigratedDatabase(t);
    const set = (setting: string): Promise<unknown> =>
      pool.query(`alter database ${fresh.name} set ${setting}`);
    await set('synchronous_commit = off');
    await set(`datestyle = 'SQL, DMY'`);
    await set(`timezone = 'Asia/Kolkata'`);
    const url = new URL(fresh.url);
    url.searchParams.set('options', '-c statement_timeout=1h');
    const sessions = drainPool(t, url.href, 1, 1234);
    const { rows } = await query(
      sessions,
      `select current_setting('synchronous_commit') as commit, current_setting('datestyle') as dates,
       current_setting('timezone') as zone, current_setting('statement_timeout') as timeout`,
    );
    t.match(rows, [{ commit: 'on', dates: /^ISO/, zone: 'UTC', timeout: '1234ms' }]);
    const { rows: after } = await sessions.query('show timezone');
    t.strictSame(after, [{ TimeZone: 'Asia/Kolkata' }], 'the session is left as it was');
    await set('synchronous_commit = remote_apply');
    const { rows: stricter } = await query(drainPool(t, fresh.url, 1), 'show synchronous_commit');
    t.strictSame(stricter, [{ synchronous_commit: 'remote_apply' }], 'a stricter setting stays');
  },
);

t.test('raw comes back with its numbers, its nesting and the order of its names', async (t) => {
  const deep = '['.repeat(20) + ']'.repeat(20);
  const raw = `{"z":1e300,"a":-1e-300,"m":{"y":[1.5,"two",null,true,{}],"b":0.1},"deep":${deep},"":{"'":"\\\\\\""},"é":"\\ud83d\\ude00"}`;
  const call = callOf(newId());
  const text = `${JSON.stringify(call).slice(0, -1)},"raw":${raw}}`;
  const body = JSON.parse(text) as Body;
  await store([recordOf(body, Buffer.from(text))]);
  const found = await read(String(call['call_id']));
  t.equal(JSON.stringify(found.raw), JSON.stringify(JSON.parse(raw)));
});

t.test('odds, implied return and closing line value are those of the formulas', async (t) => {
  const american = fc.oneof(fc.integer({ min: 100, max: 100_000 }), fc.integer({ min: -100_000, max: -100 }));
  const decimal = fc.double({ min: 1.001, max: 1_000, noNaN: true });
  const line = fc.option(fc.oneof(american, decimal), { nil: null });
  const priced = fc.constantFrom('american' as const, 'decimal' as const).chain((format) => {
    const odds = format === 'american' ? american : decimal;
    return fc.record({
      odds_format: fc.constant(format),
      odds_a: odds,
      odds_b: fc.option(odds, { nil: null }),
      closing_line_a: line,
      closing_line_b: line,
    });
  });
  const near = (found: number | null, expected: number | null): void => {
    if (found === null || expected === null) assert.equal(found, expected);
    else
      assert.ok(Math.abs(found - expected) <= 1e-11 * (100 + Math.abs(expected)), `${found} for ${expected}`);
  };
  await fc.assert(
    fc.asyncProperty(fc.array(priced, { minLength: 1, maxLength: 40 }), async (list) => {
      const cases = list.map((prices) => ({ id: newId(), ...prices }));
      await store(
        recordsOf(
          cases.flatMap(({ id, odds_format, odds_a, odds_b, closing_line_a, closing_line_b }) => [
            callOf(id, { call_type: 'good_ev', odds_format, odds_a, odds_b }),
            resultOf(id, 'r', { closing_line_a, closing_line_b, line_movement_speed: 'slow' }),
          ]),
        ),
      );
      for (const { id, odds_format, odds_a, odds_b, closing_line_a, closing_line_b } of cases) {
        const of = (odds: number | null) => (odds === null ? null : decimalOdds(odds, odds_format));
        const [a, b, closingA, closingB] = [odds_a, odds_b, closing_line_a, closing_line_b].map(of);
        assert.ok(a !== undefined && b !== undefined && closingA !== undefined && closingB !== undefined);
        const call = await read(id);
        near(call.odds_a_decimal, a);
        near(call.odds_b_decimal, b);
        near(call.roi_implied_percent, a === null || b === null ? null : impliedRoiPercent(a, b));
        near(call.clv_a, a === null || closingA === null ? null : clvPercent(a, closingA));
        near(call.clv_b, b === null || closingB === null ? null : clvPercent(b, closingB));
        assert.deepEqual([call.closing_line_a, call.closing_line_b], [closing_line_a, closing_line_b]);
      }
    }),
    { numRuns },
  );
  t.pass(`${numRuns} runs`);
});

t.test('ids are compared byte by byte, and results read in the order in which they settled', async (t) => {
  const ids = ['a', 'B', 'é', 'e\u0301', 'A', 'ａ', '\u{1f600}'];
  await store(recordsOf(ids.map((id) => callOf(id, { league: id }))));
  const { rows } = await pool.query<{ call_id: string }>(
    'select call_id from arbitrage_calls where call_id = any ($1) order by call_id',
    [ids],
  );
  t.strictSame(
    rows.map((row) => row.call_id),
    [...ids].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))),
  );
  for (const id of ids) t.equal((await read(id)).league, id);
  const events = ['b', 'a', 'B', 'é'].map((id) =>
    resultOf('a', id, { outcome: 'void', settled_at: '2025-10-22T05:30:00Z' }),
  );
  await store(
    recordsOf([...events, resultOf('a', 'z', { outcome: 'push', settled_at: '2025-10-21T05:30:00Z' })]),
  );
  t.strictSame(
    (await read('a')).results.map(({ event_id }) => event_id),
    ['z', 'B', 'a', 'b', 'é'],
  );
  t.equal((await read('a')).outcome, 'void');
});

t.test(
  'of very many results of a call the latest thousand are read, and the last of them counts',
  async (t) => {
    const id = newId();
    const settled_at = (n: number): string => `2025-10-22T05:30:00.${String(n).padStart(6, '0')}Z`;
    const results = Array.from({ length: 1_005 }, (_, n) =>
      resultOf(id, `r${n}`, { outcome: 'push', profit_actual: n, settled_at: settled_at(n) }),
    );
    await store(recordsOf([callOf(id), ...results]));
    const call = await read(id);
    t.equal(call.results.length, 1_000);
    t.strictSame([call.results[0]?.event_id, call.results.at(-1)?.event_id], ['r5', 'r1004']);
    t.equal(call.profit_actual, 1_004);
  },
);

t.test('a call that is not stored reads as null, also when its clicks came first', async (t) => {
  await store([recordOf(clickOf('unborn', 'k'))]);
  t.equal(await readCall(pool, 'unborn'), null);
  t.equal(await readCall(pool, 'unknown'), null);
});

t.test('an error of a query tells its code and nothing of what was asked', async (t) => {
  const empty = await createDatabase(t);
  const error: unknown = await readCall(drainPool(t, empty.url), 'secret-id').then(
    () => null,
    (thrown: unknown) => thrown,
  );
  const { kind, label, code, message } = classify(error);
  t.strictSame([kind, label, code], ['transient', 'schema', '42P01']);
  t.notMatch(message, 'secret-id');

  const broken = classify(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  t.strictSame([broken.kind, broken.label], ['transient', 'connection'], 'an errno is no SQLSTATE');
});

t.test(
  'the store looks for PostgreSQL until it is there, migrates, and says what it cannot answer',
  async (t) => {
    const empty = await createDatabase(t);
    let asked = 0;
    const store = new Store({
      locate: async () => {
        if (++asked < 3) throw new Error('not there yet');
        return { connectionString: empty.url };
      },
      drainConnections: 1,
      log: silent,
    });
    t.teardown(() => store.stop(5_000));
    await t.rejects(store.call('any'), StoreUnavailableError);
    const drainPools: pg.Pool[] = [];
    store.start({ ready: ({ drainPool }) => drainPools.push(drainPool), unusable: () => undefined });
    t.equal(store.state, 'starting');
    await until(() => store.state === 'up' && store.serverVersion !== null);
    t.equal(drainPools.length, 1);
    t.equal(await store.call('any'), null);
    await store.stop(5_000);
    t.equal(store.state, 'stopped');
    for (const drain of drainPools) await t.rejects(drain.query('select 1'));
  },
);

t.test('a question whose connection breaks is one that may be asked again', async (t) => {
  const fresh = await createMigratedDatabase(t);
  const proxy = await createCommitProxy(t, fresh.url);
  const store = await openStore(t, proxy.url);
  const locker = await fresh.pool().connect();
  await locker.query('begin; lock table calls in access exclusive mode');
  const refused = t.rejects(store.call('any'), StoreUnavailableError);
  const watching = fresh.pool({ max: 1 });
  await until(async () => (await lockWaiters(watching)) === 1);
  proxy.cut();
  await refused;
  await locker.query('rollback');
  locker.release();
  t.equal(await store.call('any'), null);
});

const bySport = {
  groupBy: ['sport'],
  measures: ['calls'],
  filters: {},
  timeZone: 'UTC',
  minCalls: 1,
  sort: { by: 'calls', descending: true },
  limit: 1,
} satisfies StatisticsQuestion;
/** Different questions. */
const statisticsQuestions = (count: number): StatisticsQuestion[] =>
  Array.from({ length: count }, (_, index) => ({ ...bySport, limit: index + 1 }));

const statisticsPool = (store: Store) => store.pools.find(({ name }) => name === 'statistics');
const GONE = new Error('they left');

/** A store whose questions stay under way until the lock is given back. */
async function lockedStore(t: Teardown) {
  const fresh = await createMigratedDatabase(t);
  const store = await openStore(t, fresh.url);
  const locker = await fresh.pool().connect();
  await locker.query('begin; lock table calls in access exclusive mode');
  const watching = fresh.pool({ max: 1 });
  let isLocked = true;
  const unlock = (): void => {
    if (isLocked) locker.release(true);
    isLocked = false;
  };
  t.teardown(unlock);
  return {
    store,
    watching,
    waitersAre: (count: number) => until(async () => (await lockWaiters(watching)) === count),
    unlock,
  };
}

t.test('questions that wait for others in vain are told so, and PostgreSQL is not called away', async (t) => {
  const { store, waitersAre, unlock } = await lockedStore(t);
  const statistics = statisticsQuestions(8).map((question) => store.statistics(question));
  const slow = Array.from({ length: 4 }, () => store.call('any'));
  await waitersAre(6);
  t.match(statisticsPool(store), { used: 2, waiting: 6 });
  await t.rejects(store.call('one too many'), StoreBusyError);
  t.equal(store.state, 'up');
  unlock();
  t.strictSame(await Promise.all(slow), [null, null, null, null]);
  t.strictSame(
    (await Promise.all(statistics)).map(({ groupsFound }) => groupsFound),
    new Array(8).fill(0),
    'statistics wait longer than others do',
  );
});

t.test('the same statistics asked for by several at once are one query', async (t) => {
  const { store, waitersAre, unlock } = await lockedStore(t);
  const ask = (signal?: AbortSignal) => store.statistics({ ...bySport }, signal);
  const five = Array.from({ length: 5 }, () => ask());
  const other = store.statistics({ ...bySport, timeZone: 'Europe/Paris' });
  await waitersAre(2);
  t.match(statisticsPool(store), { used: 2, waiting: 0 }, 'one for the five, one for another question');

  const leaving = new AbortController();
  const left = t.rejects(ask(leaving.signal), GONE);
  leaving.abort(GONE);
  await left;
  await t.rejects(ask(leaving.signal), GONE);
  unlock();
  const [first, ...others] = await Promise.all(five);
  t.match(first, { groupsFound: 0 }, 'who leaves takes nothing from the others');
  for (const answer of others) t.equal(answer, first);
  t.not(await other, first);
  t.not(await ask(), first, 'who asks later asks anew');
});

t.test('who asks for the same statistics shares an error, too, and who asks later asks anew', async (t) => {
  const { store, watching, waitersAre, unlock } = await lockedStore(t);
  const leaving = [new AbortController(), new AbortController()];
  const left = leaving.map(({ signal }) => t.rejects(store.statistics(bySport, signal), GONE));
  await waitersAre(1);
  for (const each of leaving) each.abort(GONE);
  await Promise.all(left);
  await waitersAre(0);
  const failing = [1, 2, 3].map(() => t.rejects(store.statistics(bySport), StoreUnavailableError));
  await waitersAre(1);
  await watching.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and wait_event_type = 'Lock'`,
  );
  await Promise.all(failing);
  unlock();
  t.match(await store.statistics(bySport), { groupsFound: 0 });
});

t.test('statistics that wait while PostgreSQL takes no connection are told so together', async (t) => {
  const fresh = await createMigratedDatabase(t);
  const proxy = await createCommitProxy(t, fresh.url);
  const store = await openStore(t, proxy.url);
  proxy.hold();
  // Two at a time, and five seconds for a connection: the last would wait for their turn in vain.
  const answers = await Promise.allSettled(
    statisticsQuestions(12).map((question) => store.statistics(question)),
  );
  for (const answer of answers)
    t.ok(answer.status === 'rejected' && answer.reason instanceof StoreUnavailableError);
  await proxy.admit();
  t.match(await store.statistics(bySport), { groupsFound: 0 });
});

t.test('a queue of queries is bounded in length and time, and whoever leaves it makes room', async (t) => {
  const never = new AbortController().signal;
  const running = new Deferred<string>();
  const run = (queue: QueryQueue, signal = never) => queue.run(() => running.promise, signal);

  const short = new QueryQueue({ concurrency: 1, maxWaiting: 2, maxWaitMs: 2 ** 30 });
  const leaving = new AbortController();
  const inTime = [run(short), run(short)];
  const left = t.rejects(run(short, leaving.signal), GONE);
  await t.rejects(run(short), StoreBusyError);
  leaving.abort(GONE);
  await left;
  t.equal(short.waiting, 1);
  inTime.push(run(short));
  await t.rejects(run(short), StoreBusyError);

  const impatient = new QueryQueue({ concurrency: 1, maxWaiting: 2, maxWaitMs: 1 });
  inTime.push(run(impatient));
  await t.rejects(run(impatient), StoreBusyError);
  t.equal(impatient.waiting, 0);
  running.resolve('done');
  t.strictSame(await Promise.all(inTime), ['done', 'done', 'done', 'done']);
});

t.test('queries that wait run in the order in which they came', async (t) => {
  const queue = new QueryQueue({ concurrency: 1, maxWaiting: 9, maxWaitMs: 2 ** 30 });
  const order: number[] = [];
  const { signal } = new AbortController();
  await Promise.all([0, 1, 2, 3].map((index) => queue.run(async () => order.push(index), signal)));
  t.strictSame(order, [0, 1, 2, 3]);
});

t.test('questions that nobody waits for any more end in the database too', async (t) => {
  const { store, waitersAre, unlock } = await lockedStore(t);
  const leaving = new AbortController();
  const answers = Promise.allSettled([
    store.statistics(bySport, leaving.signal),
    store.openExport({ subject: 'calls', format: 'csv', filters: {} }, leaving.signal),
    store.calls({ filters: {}, limit: 1 }, leaving.signal),
  ]);
  await waitersAre(3);
  leaving.abort(GONE);
  t.strictSame(await answers, new Array(3).fill({ status: 'rejected', reason: GONE }));
  await waitersAre(0);
  t.pass('while the lock is still held');
  unlock();
});
