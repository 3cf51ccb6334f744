import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { decodeRecord } from '../helpers/records.js';
import type { Spool } from '../../src/spool/types.js';
import {
  type Account,
  accountOf,
  drainPool,
  IN_TIME_MS,
  lockWaiters,
  openHouse,
  until,
} from '../helpers/drain.js';
import {
  type Body,
  callOf,
  clickOf,
  clicksOf,
  RECEIVED_AT,
  recordOf,
  recordsOf,
  resultOf,
} from '../helpers/events.js';
import { createMigratedDatabase } from '../helpers/postgres.js';
import { eventArbitrary, identityOf, type Sending, sendingsOf } from './arbitraries.js';
import { COMPUTED, modelOf, type ViewRow } from './model.js';

/** `PROPERTY_RUNS=1000` looks longer. */
const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 25);

const TABLES = 'calls, clicks, results, call_users, call_states, dead_letters, drain_batches, spools';

const db = await createMigratedDatabase(t);
t.setTimeout(60_000 + numRuns * 1_000);
const pool = drainPool(t, db.url);

interface Plan {
  readonly events: readonly Body[];
  readonly sendings: readonly Sending[];
  /** Of the two drains. */
  readonly batchMaxEvents: readonly [number, number];
  /** How many records go into each append. */
  readonly appendSizes: Iterator<number>;
}

function planOf(events: fc.Arbitrary<Body[]>): fc.Arbitrary<Plan> {
  return events.chain((list) =>
    fc.record({
      events: fc.constant(list),
      sendings: sendingsOf(list),
      batchMaxEvents: fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 })),
      appendSizes: fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
    }),
  );
}

/** Drains the plan through two spools at once into the emptied database; both accounts added up. */
async function drainBoth({ sendings, batchMaxEvents, appendSizes }: Plan): Promise<Account> {
  await pool.query(`truncate ${TABLES}`);
  const ends: (() => unknown)[] = [];
  const run = { teardown: (end: () => unknown) => ends.unshift(end) };
  try {
    const houses = [
      await openHouse(run, db.url, { batchMaxEvents: batchMaxEvents[0], spool: { segmentBytes: 4096 } }),
      await openHouse(run, db.url, { batchMaxEvents: batchMaxEvents[1], batchMaxWaitMs: 0 }),
    ];
    const fed = houses.map(({ spool }, index) => {
      const own = sendings.filter((sending) => sending.spool === index);
      return appendAll(spool, own, appendSizes);
    });
    await Promise.all(fed);
    for (const { drain } of houses) assert.ok(await drain.flush(IN_TIME_MS), 'drained in time');
    return houses.map(accountOf).reduce((sum, one) => ({
      accepted: sum.accepted + one.accepted,
      stored: sum.stored + one.stored,
      duplicate: sum.duplicate + one.duplicate,
      deadLetter: sum.deadLetter + one.deadLetter,
      spooled: sum.spooled + one.spooled,
    }));
  } finally {
    for (const end of ends) await end();
  }
}

async function appendAll(spool: Spool, sendings: readonly Sending[], sizes: Iterator<number>): Promise<void> {
  const records = sendings.map(({ event, payload }) => recordOf(event, payload));
  while (records.length > 0) await spool.append(records.splice(0, Number(sizes.next().value)));
}

/** The view and the history tables hold these events, each once, and what follows from them. */
async function assertStored(events: readonly Body[]): Promise<void> {
  const expected = modelOf(events, RECEIVED_AT, 'tester');
  const { rows } = await pool.query<ViewRow>('select * from arbitrage_calls order by call_id');
  assert.deepEqual(withinLastDigits(rows, expected), expected);
  for (const type of ['click', 'result'] as const) {
    const found = await pool.query<{ call_id: string; event_id: string }>(
      `select call_id, event_id from ${type}s order by call_id, event_id`,
    );
    const identities = found.rows.map((row) => identityOf({ type, ...row }));
    const wanted = events.filter((event) => event['type'] === type).map(identityOf);
    assert.deepEqual(identities.sort(), wanted.sort());
  }
}

/** Computed columns that agree to twelve digits are taken for the expected ones. */
function withinLastDigits(found: readonly ViewRow[], expected: readonly ViewRow[]): ViewRow[] {
  return found.map((row, index) => {
    const wanted = expected[index] ?? {};
    const near = COMPUTED.filter((column) => {
      const [a, b] = [row[column], wanted[column]];
      return typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) <= 1e-12 * (100 + Math.abs(b));
    });
    return { ...row, ...Object.fromEntries(near.map((column) => [column, wanted[column]])) };
  });
}

t.test('any order, repeats, batch cuts and two drains at once end in the rows of the model', async (t) => {
  t.setTimeout(60_000 + numRuns * 1_000);
  const events = fc.uniqueArray(eventArbitrary, {
    selector: identityOf,
    minLength: 1,
    maxLength: 40,
    size: 'max',
  });
  await fc.assert(
    fc.asyncProperty(planOf(events), async (plan) => {
      const account = await drainBoth(plan);
      await assertStored(plan.events);
      assert.deepEqual(account, {
        accepted: plan.sendings.length,
        stored: plan.events.length,
        duplicate: plan.sendings.length - plan.events.length,
        deadLetter: 0,
        spooled: 0,
      });
    }),
    { numRuns },
  );
  t.pass(`${numRuns} plans`);
});

t.test('of conflicting contents exactly one wins, and the others are dead letters as received', async (t) => {
  t.setTimeout(60_000 + numRuns * 1_000);
  // Few identities, so that many of the events share one.
  const events = fc.array(eventArbitrary, { minLength: 1, maxLength: 30, size: 'max' }).map((list) =>
    list.map((event, index): Body => {
      const id = event['type'] === 'call' ? {} : { event_id: `e${index % 3}` };
      return { ...event, ...id, call_id: index % 2 === 0 ? 'c1' : 'C1' };
    }),
  );
  await fc.assert(
    fc.asyncProperty(planOf(events), async (plan) => {
      const account = await drainBoth(plan);
      const { rows } = await pool.query<{ identity: string; fingerprint: Buffer }>(
        `select 'call ' || call_id || ' ' as identity, fingerprint from calls
         union all select 'click ' || call_id || ' ' || event_id, fingerprint from clicks
         union all select 'result ' || call_id || ' ' || event_id, fingerprint from results`,
      );
      const winners = new Map(rows.map((row) => [row.identity, row.fingerprint]));
      assert.deepEqual([...winners.keys()].sort(), [...new Set(plan.events.map(identityOf))].sort());

      const isWinner = ({ event, payload }: Sending): boolean =>
        winners.get(identityOf(event))?.equals(decodeRecord(recordOf(event, payload)).fingerprint) === true;
      const losers = plan.sendings.filter((sending) => !isWinner(sending));
      const won = plan.sendings.filter(isWinner);
      const winning = new Map(won.map(({ event }) => [identityOf(event), event]));
      assert.equal(winning.size, winners.size, 'what is stored was sent');
      await assertStored([...winning.values()]);

      const letters = await pool.query<{ reason: string; identity: string; payload: Buffer; source: string }>(
        `select reason, payload, source, concat(event_type, ' ', call_id, ' ', event_id) as identity
         from dead_letters`,
      );
      assert.deepEqual(
        letters.rows
          .map(({ reason, identity, payload, source }) =>
            [reason, identity, payload.toString(), source].join(),
          )
          .sort(),
        losers
          .map(({ event, payload }) => ['conflict', identityOf(event), payload.toString(), 'tester'].join())
          .sort(),
      );
      assert.deepEqual(account, {
        accepted: plan.sendings.length,
        stored: winners.size,
        duplicate: won.length - winners.size,
        deadLetter: losers.length,
        spooled: 0,
      });
    }),
    { numRuns },
  );
  t.pass(`${numRuns} plans`);
});

t.test(
  'batches that meet on the same rows in opposite orders wait for each other and never deadlock',
  async (t) => {
    const own = await createMigratedDatabase(t);
    const places = Array.from({ length: 21 }, (_, index) => `p${String(index).padStart(2, '0')}`);
    const now = `'2025-10-22T05:00:00Z'`;
    // Each table, a row in the middle that somebody else is about to insert, and what two drains send at that time.
    for (const [table, insert, eventOf] of [
      [
        'calls',
        `insert into calls (call_id, call_type, book_a, odds_a, odds_format, roi_percent, sent_at, users_notified,
         received_at, fingerprint) values ('p10', 'middle', 'b', 2, 'decimal', 1, ${now}, 0, ${now}, '')`,
        (place: string) => callOf(place),
      ],
      [
        'clicks',
        `insert into clicks (call_id, event_id, action, clicked_at, received_at, fingerprint)
         values ('c', 'p10', 'bet', ${now}, ${now}, '')`,
        (place: string) => clickOf('c', place),
      ],
      [
        'results',
        `insert into results (call_id, event_id, settled_at, has_settlement, has_closing, received_at, fingerprint)
         values ('c', 'p10', ${now}, true, false, ${now}, '')`,
        (place: string) => resultOf('c', place),
      ],
      [
        'call_users',
        `insert into call_users values ('u', 'p10', true)`,
        (place: string, house: number) => clickOf('u', `${house}${place}`, { user_id: place }),
      ],
      [
        'call_states',
        `insert into call_states (call_id, clicks, users_clicked, users_bet) values ('s-p10', 0, 0, 0)`,
        (place: string, house: number) => clickOf(`s-${place}`, `${house}`),
      ],
    ] as const) {
      const houses = [await openHouse(t, own.url), await openHouse(t, own.url)];
      await until(() => houses.every(({ drain }) => drain.state === 'running'));
      const other = await own.pool({ max: 1 }).connect();
      await other.query('begin');
      await other.query(insert);
      for (const [index, { spool }] of houses.entries()) {
        const order = index === 0 ? places : places.toReversed();
        await spool.append(recordsOf(order.map((place) => eventOf(place, index))));
      }
      const watching = own.pool({ max: 1 });
      await until(async () => (await lockWaiters(watching)) === 2);
      await other.query('rollback');
      other.release();
      for (const { drain } of houses) {
        t.ok(await drain.flush(IN_TIME_MS), table);
        t.equal(drain.lastFailure, null, 'at the first attempt');
      }
      for (const house of houses) await house.close();
    }
  },
);

t.test('four drains on one hot call count exactly while their connections are killed', async (t) => {
  const own = await createMigratedDatabase(t);
  const clicks = clicksOf('hot', 500);
  const houses = await Promise.all(
    [7, 20, 50, 100].map((batchMaxEvents) => openHouse(t, own.url, { batchMaxEvents })),
  );
  const killer = own.pool({ max: 1 });
  let killed = 0;
  const done = new AbortController();
  const killing = (async () => {
    while (!done.signal.aborted) {
      const { rowCount } = await killer.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name like 'call-logger%' order by random() limit 1`,
      );
      killed += rowCount ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  // Everyone sends everything, shuffled: each factor has no divisor in common with the 501 events.
  const events = [callOf('hot', { users_notified: 1000 }), ...clicks];
  await Promise.all(
    houses.map(async ({ spool }, index) => {
      const factor = [1, 7, 11, 13][index] ?? 1;
      const records = recordsOf(events.map((_, place) => events[(place * factor) % events.length] ?? {}));
      for (let at = 0; at < records.length; at += 50) await spool.append(records.slice(at, at + 50));
    }),
  );
  for (const { drain } of houses) t.ok(await drain.flush(IN_TIME_MS));
  done.abort();
  await killing;

  const accounts = houses.map(accountOf);
  const sum = (key: keyof Account): number => accounts.reduce((total, account) => total + account[key], 0);
  t.strictSame(
    [sum('accepted'), sum('stored'), sum('duplicate'), sum('deadLetter'), sum('spooled')],
    [4 * 501, 501, 3 * 501, 0, 0],
  );
  const { rows } = await drainPool(t, own.url).query(
    'select clicks, users_clicked, users_bet, conversion_percent from arbitrage_calls',
  );
  t.strictSame(rows, [{ clicks: 500, users_clicked: 500, users_bet: 500, conversion_percent: 50 }]);
  const deadlocks = await killer.query<{ deadlocks: string }>(
    'select deadlocks from pg_stat_database where datname = current_database()',
  );
  t.equal(deadlocks.rows[0]?.deadlocks, '0');
  t.comment(`${killed} connections killed`);
});
