import t from 'tap';
import type pg from 'pg';
import { readRecord } from '../../../src/events/record.js';
import { insertNew, Wariness } from '../../../src/store/write/events.js';
import { groupByIdentity } from '../../../src/store/write/identities.js';
import { inTransaction } from '../../../src/store/transaction.js';
import { drainPool, lockWaiters, until } from '../../helpers/drain.js';
import { type Body, callOf, clickOf, recordOf, resultOf } from '../../helpers/events.js';
import { createMigratedDatabase } from '../../helpers/postgres.js';

type Found = Awaited<ReturnType<typeof insertNew>>;

const groupsOf = (bodies: readonly Body[]) =>
  groupByIdentity(bodies.map((body) => readRecord(recordOf(body))));

function insert(pool: pg.Pool, bodies: readonly Body[], wariness = new Wariness()): Promise<Found> {
  return inTransaction(pool, (client) => insertNew(client, groupsOf(bodies), wariness));
}

const SETTLED_AT = '2025-10-22T08:00:00Z';

const foundKeys = (found: Found): string[] =>
  [found.call, found.click, found.result].flatMap((events) => [...events.keys()]).sort();

async function rowsIn(pool: pg.Pool): Promise<unknown> {
  const { rows } = await pool.query<Record<string, number>>(
    `select (select count(*)::int from calls) as calls, (select count(*)::int from clicks) as clicks,
       (select count(*)::int from results) as results, (select sum(clicks)::int from call_states) as counted`,
  );
  return rows[0];
}

t.test('a batch that meets events of the store keeps them, tells which, and stores the others', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url);
  const old = [callOf('a'), clickOf('a', 'k1'), resultOf('a', 'r1')];
  t.strictSame(foundKeys(await insert(pool, old)), []);
  const wariness = new Wariness();
  const more = [...old, callOf('b'), clickOf('a', 'k2'), clickOf('b', 'k1'), resultOf('a', 'r2')];
  t.strictSame(foundKeys(await insert(pool, more, wariness)), ['a', 'a\tk1', 'a\tr1']);
  t.strictSame(await rowsIn(pool), { calls: 2, clicks: 3, results: 2, counted: 3 });
  t.ok(wariness.looksFirst, 'the next batches look first');
  t.equal(foundKeys(await insert(pool, more, wariness)).length, more.length);
  t.strictSame(await rowsIn(pool), { calls: 2, clicks: 3, results: 2, counted: 3 });
});

t.test('a batch that looks first does not collide, and after a while it looks no more', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url);
  await insert(pool, [callOf('a')]);
  const wariness = new Wariness();
  wariness.collided();
  await inTransaction(pool, async (client) => {
    await insertNew(client, groupsOf([callOf('a'), callOf('b')]), wariness);
    // A collision would have ended this savepoint and begun another under the same name: only one is there.
    await client.query('release savepoint before_copy');
    await t.rejects(client.query('release savepoint before_copy'), { code: '3B001' });
  }).catch(() => undefined);
  for (let batch = 0; batch < 100 && wariness.looksFirst; batch++) wariness.batchDone();
  t.notOk(wariness.looksFirst);
});

for (const end of ['commit', 'rollback'] as const) {
  t.test(`a batch waits for an insert of the same event that is under way: ${end}`, async (t) => {
    const pool = drainPool(t, (await createMigratedDatabase(t)).url);
    const other = await pool.connect();
    await other.query('begin');
    await insertNew(other, groupsOf([clickOf('a', 'k1')]), new Wariness());
    const waiting = insert(pool, [callOf('a'), clickOf('a', 'k1'), clickOf('a', 'k2')]);
    await until(async () => (await lockWaiters(pool)) === 1);
    await other.query(end);
    other.release();
    t.strictSame(foundKeys(await waiting), end === 'commit' ? ['a\tk1'] : []);
    t.strictSame(await rowsIn(pool), { calls: 1, clicks: 2, results: 0, counted: 2 });
  });
}

/** Byte by byte the second comes first; in JavaScript's order it comes last. */
const BEYOND_BMP = ['😀', '～'];

t.test('rows go in in the order of their keys, byte by byte, as those of every other batch', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url);
  const ids = ['b', ...BEYOND_BMP, 'a', 'é', 'a-', 'A'];
  await insert(pool, [...ids.map((id) => callOf(id)), ...ids.map((id) => clickOf('a', id))]);
  for (const [table, id] of [
    ['calls', 'call_id'],
    ['clicks', 'event_id'],
  ] as const) {
    const { rows } = await pool.query<{ as_written: string[]; by_key: string[] }>(
      `select array_agg(${id} order by ctid) as as_written, array_agg(${id} order by ${id} collate "C") as by_key from ${table}`,
    );
    t.strictSame(rows[0]?.as_written, rows[0]?.by_key, table);
  }
});

t.test(
  'of two results of one time the one with the greater id counts, byte by byte, in one batch as in two',
  async (t) => {
    const pool = drainPool(t, (await createMigratedDatabase(t)).url);
    const results = (callId: string) =>
      BEYOND_BMP.map((id) => resultOf(callId, id, { settled_at: SETTLED_AT, outcome: 'push' }));
    await insert(pool, [...results('together'), ...results('turned').reverse()]);
    for (const result of results('apart')) await insert(pool, [result]);
    const { rows } = await pool.query<{ in_force: string }>(
      'select settlement_event_id as in_force from call_states order by call_id',
    );
    t.strictSame(
      rows,
      Array.from({ length: 3 }, () => ({ in_force: '😀' })),
    );
  },
);

t.test('an index that somebody else made refuses the data, and is met once', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url);
  await pool.query('create unique index theirs on clicks (user_id)');
  await insert(pool, [clickOf('a', 'k1', { user_id: 'u' })]);
  const wariness = new Wariness();
  await t.rejects(insert(pool, [clickOf('a', 'k2', { user_id: 'u' })], wariness), {
    code: '23505',
    constraint: 'theirs',
  });
  t.notOk(wariness.looksFirst);
});

t.test('whatever text was accepted stands in the store as it was sent', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url);
  const awkward = [
    '\\N',
    '\\.',
    'a\tb\nc\rd\\',
    '{"x",y}',
    'é😀\u2028',
    '\b\f\v\u007f.',
    ' . ',
    '\\x41',
    'NULL',
    '"',
  ];
  for (const [index, text] of awkward.entries()) {
    const raw = { [text]: [text, null, 1e300, 5e-324, -0.1] };
    const fields = { league: text, book_a: text, market: text, raw, notified_user_ids: [text, `${text}2`] };
    await insert(pool, [callOf(`c${index}`, fields), clickOf(`c${index}`, 'k', { user_id: text })]);
    const { rows } = await pool.query<Record<string, unknown>>(
      `select league, book_a, market, raw, notified_user_ids, users_notified, call_users.user_id
       from calls join call_users using (call_id) where call_id = $1`,
      [`c${index}`],
    );
    t.strictSame(rows, [{ ...fields, users_notified: 2, user_id: text }], `text ${index}`);
  }
});
