import assert from 'node:assert/strict';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import t from 'tap';
import { orm } from '../../../src/store/database.js';
import { readCall } from '../../../src/store/read/call.js';
import {
  type CallPosition,
  type CallsQuestion,
  readCalls,
  selectCalls,
  type ViewRow,
} from '../../../src/store/read/calls.js';
import type { CallFilters } from '../../../src/store/read/filters.js';
import { drainPool } from '../../helpers/drain.js';
import { callOf } from '../../helpers/events.js';
import { createMigratedDatabase } from '../../helpers/postgres.js';
import { manyEvents } from './events.js';
import { openStored } from './stored.js';

// A slow machine is no failure.
t.setTimeout(180_000);

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 10);

const { pool, store } = await openStored(t);
await store(manyEvents(300));

const idsOf = (calls: readonly { readonly call_id: string }[]): string[] =>
  calls.map(({ call_id }) => call_id);

/** Every page behind the one before, until one is not full. */
async function walk(
  filters: CallFilters,
  limit: number,
  between = async (): Promise<void> => undefined,
): Promise<ViewRow[]> {
  const all: ViewRow[] = [];
  let after: CallPosition | undefined;
  for (;;) {
    const page = await readCalls(pool, { filters, limit, after });
    all.push(...page);
    if (page.length < limit) return all;
    after = page.at(-1);
    await between();
  }
}

t.test('a call in the list is the call that is read by its id', async (t) => {
  const calls = await readCalls(pool, { filters: {}, limit: 1000 });
  t.equal(calls.length, 300);
  for (const call of calls.slice(0, 50)) {
    const { results, ...row } = (await readCall(pool, call.call_id)) ?? assert.fail(call.call_id);
    assert.ok(Array.isArray(results));
    t.strictSame(call, row);
  }
});

t.test('each filter, and all together, choose what SQL written by hand chooses, newest first', async (t) => {
  const cases: [CallFilters, string][] = [
    [{}, 'true'],
    [{ call_type: 'middle' }, `call_type = 'middle'`],
    [{ sport: `it's "x"; --` }, `sport = 'it''s "x"; --'`],
    [{ league: 'e0' }, `league = 'e0'`],
    [{ market: 'total_2.5' }, `market = 'total_2.5'`],
    [{ book: 'bet365' }, `book_a = 'bet365' or book_b = 'bet365'`],
    [{ team: 'Ümraniye' }, `team_a = 'Ümraniye' or team_b = 'Ümraniye'`],
    [{ source: 'bot-2' }, `source = 'bot-2'`],
    [{ outcome: 'unknown' }, `outcome = 'unknown'`],
    [{ user_id: 'u2' }, `exists (select from clicks where clicks.call_id = c.call_id and user_id = 'u2')`],
    [{ min_roi: 2 }, 'roi_percent >= 2'],
    [{ max_roi: 2 }, 'roi_percent < 2'],
    [{ min_roi: 1.999999, max_roi: 4.999999 }, 'roi_percent >= 1.999999 and roi_percent < 4.999999'],
    [{ from: '2024-10-27T01:30:00.000000Z' }, `sent_at >= '2024-10-27T01:30:00Z'`],
    [{ to: '2024-10-27T01:30:00.000000Z' }, `sent_at < '2024-10-27T01:30:00Z'`],
    [
      { call_type: 'arbitrage', sport: 'soccer', from: '2024-03-31T01:00:00.000000Z' },
      `call_type = 'arbitrage' and sport = 'soccer' and sent_at >= '2024-03-31T01:00:00Z'`,
    ],
    [
      {
        call_type: 'good_ev',
        sport: 'tennis',
        book: 'bet365',
        user_id: 'u1',
        min_roi: -5,
        max_roi: 8,
        from: '2024-03-31T01:00:00.000000Z',
        to: '2026-01-01T00:00:00.000000Z',
      },
      `call_type = 'good_ev' and sport = 'tennis' and 'bet365' in (book_a, book_b)
       and exists (select from clicks where clicks.call_id = c.call_id and user_id = 'u1')
       and sent_at >= '2024-03-31T01:00:00Z'`,
    ],
  ];
  for (const [filters, condition] of cases) {
    const { rows } = await pool.query<{ call_id: string }>(
      `select call_id from arbitrage_calls as c where ${condition} order by sent_at desc, call_id desc`,
    );
    t.ok(rows.length > 0, condition);
    t.strictSame(idsOf(await readCalls(pool, { filters, limit: 1000 })), idsOf(rows), condition);
    t.strictSame(idsOf(await walk(filters, 23)), idsOf(rows), 'also page by page');
  }
  t.strictSame(await readCalls(pool, { filters: { sport: `' or true --` }, limit: 10 }), []);
});

t.test('pages of any size bring each call once and in order, whatever arrives in between', async (t) => {
  let round = 0;
  // Few instants and ids that sort differently by bytes than by letters: many ties.
  const place = fc.record({
    second: fc.nat(3),
    microsecond: fc.nat(1),
    prefix: fc.constantFrom('a', 'B', 'é', '~', '1'),
  });
  const places = fc.uniqueArray(place, {
    minLength: 1,
    maxLength: 40,
    selector: (value) => JSON.stringify(value),
  });
  await fc.assert(
    fc.asyncProperty(places, places, fc.integer({ min: 1, max: 9 }), async (early, late, limit) => {
      const league = `walk-${round++}`;
      const callsOf = (list: typeof early, suffix: string) =>
        list.map(({ second, microsecond, prefix }) =>
          callOf(`${prefix}-${league}-${second}${microsecond}${suffix}`, {
            league,
            sent_at: `2025-01-01T00:00:0${second}.00000${microsecond}Z`,
          }),
        );
      await store(callsOf(early, ''));
      const arriving = callsOf(late, '+');
      const walked = await walk({ league }, limit, async () => {
        const next = arriving.splice(0, 2);
        if (next.length > 0) await store(next);
      });
      const { rows } = await pool.query<{ call_id: string }>(
        'select call_id from calls where league = $1 order by sent_at desc, call_id desc',
        [league],
      );
      const seen = idsOf(walked);
      assert.equal(new Set(seen).size, seen.length, 'no call twice');
      assert.deepEqual(
        seen,
        idsOf(rows).filter((id) => seen.includes(id)),
        'in order',
      );
      assert.deepEqual(
        seen.filter((id) => !id.endsWith('+')),
        idsOf(rows).filter((id) => !id.endsWith('+')),
        'none left out',
      );
    }),
    { numRuns },
  );
  t.pass(`${numRuns} runs`);
});

t.test('a page costs what it shows, however many calls there are', async (t) => {
  const large = drainPool(t, (await createMigratedDatabase(t)).url, 1);
  await large.query(`
    insert into calls (
      call_id, call_type, sport, book_a, odds_a, odds_format, roi_percent, sent_at, users_notified, received_at, fingerprint)
    select
      'call-' || n, (array['arbitrage', 'middle', 'good_ev'])[n % 3 + 1], 'sport-' || n % 40, 'book', 2, 'decimal',
      n % 100, timestamptz '2025-01-01' + n / 3 * interval '1 second', 0, now(), ''
    from generate_series(1, 60000) as n`);
  await large.query(`
    insert into call_states (call_id, clicks, users_clicked, users_bet)
    select call_id, 0, 0, 0 from calls`);
  await large.query('analyze');
  const planOf = async (question: CallsQuestion): Promise<string> => {
    const { rows } = await orm(large).execute<{ 'QUERY PLAN': string }>(
      sql`explain (costs off) ${selectCalls(orm(large), question)}`,
    );
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };
  const [, middle] = await readCalls(large, { filters: { to: '2025-01-01T02:00:00.000000Z' }, limit: 2 });
  assert.ok(middle);
  const indexed: [CallFilters, string][] = [
    [{}, 'calls_sent_at_index'],
    [{ from: '2025-01-01T01:00:00.000000Z', to: '2025-01-01T03:00:00.000000Z' }, 'calls_sent_at_index'],
    [{ call_type: 'middle', sport: 'sport-3' }, 'calls_call_type_sport_sent_at_index'],
  ];
  for (const [filters, index] of indexed)
    for (const after of [undefined, middle]) {
      const plan = await planOf({ filters, limit: 20, after });
      t.match(plan, `Index Scan Backward using ${index}`);
      t.notMatch(plan, /Seq Scan|Hash/, 'no table is read whole');
      t.equal(
        plan.match(/\bSort\n/g)?.length,
        plan.match(/Incremental Sort\n/g)?.length,
        `no full sort:\n${plan}`,
      );
    }
});
