import assert from 'node:assert/strict';
import { once } from 'node:events';
import fc from 'fast-check';
import type pg from 'pg';
import t, { type Test } from 'tap';
import type { UtcTime } from '../../src/lib/time.js';
import { encodeRecord } from '../../src/events/record.js';
import { RowSource } from '../../src/events/row-source.js';
import { storedEvent } from '../../src/events/to-row.js';
import { createPool } from '../../src/store/database.js';
import { decodeRecord } from '../helpers/records.js';
import { cleanUp, type CleanUpOptions } from '../../src/upkeep/cleanup.js';
import { eventArbitrary, identityOf } from '../drain/arbitraries.js';
import {
  accountOf,
  type DrainHouse,
  drainPool,
  IN_TIME_MS,
  lockWaiters,
  openHouse,
  until,
} from '../helpers/drain.js';
import { type Body, callOf, clickOf, clicksOf, recordOf, resultOf } from '../helpers/events.js';
import { createMigratedDatabase, type TestDatabase } from '../helpers/postgres.js';
import { startTask } from './backups.js';
import { contradictions } from './state-oracle.js';

/** `PROPERTY_RUNS=1000` looks longer. */
const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 12);
t.setTimeout(240_000 + numRuns * 2_000);

const CUTOFF: UtcTime = '2025-10-22T05:00:30.000000Z';
const JUST_BEFORE: UtcTime = '2025-10-22T05:00:29.999999Z';
const JUST_AFTER: UtcTime = '2025-10-22T05:00:30.000001Z';
const OLD: UtcTime = '2025-10-01T00:00:00.000000Z';
const NEW: UtcTime = '2025-10-23T00:00:00.000000Z';

const never = new AbortController().signal;

function run(pool: pg.Pool, options: Partial<CleanUpOptions> = {}): ReturnType<typeof cleanUp> {
  return cleanUp(pool, { cutoff: CUTOFF, dryRun: false, signal: never, rest: 0, ...options });
}

/** A pool as upkeep has it. */
function upkeepPool(t: Test, url: string): pg.Pool {
  const options = { name: 'upkeep', max: 2, statementTimeoutMs: 0 };
  const pool = createPool({ connectionString: url }, options, () => undefined);
  t.teardown(() => pool.end());
  return pool;
}

/** The record of an event that came at this time. */
function received(at: UtcTime, body: Body): Buffer {
  const { event, fingerprint, payload, source } = decodeRecord(recordOf(body));
  const { type, row } = event;
  const eventId = 'event_id' in row ? row.event_id : row.call_id;
  const delivery = { type, callId: row.call_id, eventId, source, receivedAt: at };
  const stored = storedEvent(new RowSource(type, body), delivery);
  return encodeRecord({ event: stored, fingerprint: fingerprint.toString('hex'), source, payload });
}

const oldCall = (callId: string): Buffer => received(OLD, callOf(callId, { sent_at: OLD }));

async function store(t: Test, db: TestDatabase, records: readonly Buffer[]): Promise<void> {
  const house = await openHouse(t, db.url);
  for (let at = 0; at < records.length; at += 10_000)
    await house.spool.append(records.slice(at, at + 10_000));
  t.ok(await house.drain.flush(IN_TIME_MS));
  t.match(accountOf(house), { stored: records.length, deadLetter: 0, spooled: 0 });
  await house.close();
}

async function keptIn(pool: pg.Pool): Promise<Record<'calls' | 'clicks' | 'results', string[]>> {
  const idsOf = async (table: string, id: string): Promise<string[]> => {
    const { rows } = await pool.query<{ id: string }>(`select ${id} as id from ${table} order by 1`);
    return rows.map((row) => row.id);
  };
  return {
    calls: await idsOf('calls', 'call_id'),
    clicks: await idsOf('clicks', `call_id || ' ' || event_id`),
    results: await idsOf('results', `call_id || ' ' || event_id`),
  };
}

async function rowsIn(pool: pg.Pool): Promise<number> {
  const { calls, clicks, results } = await keptIn(pool);
  return calls.length + clicks.length + results.length;
}

const sumOf = ({ calls, clicks, results }: Record<'calls' | 'clicks' | 'results', number>): number =>
  calls + clicks + results;

/** Writes down, for each statement that deletes calls or clicks, how many it deleted. */
async function logDeletes(pool: pg.Pool): Promise<void> {
  await pool.query(`
    create table deletes (id serial, of text, rows int);
    create function log_delete() returns trigger language plpgsql as $$
    begin
      insert into deletes (of, rows) select tg_table_name, count(*) from gone having count(*) > 0;
      return null;
    end $$;
    create trigger log_delete after delete on calls referencing old table as gone
      for each statement execute function log_delete();
    create trigger log_delete after delete on clicks referencing old table as gone
      for each statement execute function log_delete()`);
}

async function loggedDeletes(pool: pg.Pool, of: 'calls' | 'clicks'): Promise<number[]> {
  const { rows } = await pool.query<{ rows: number }>('select rows from deletes where of = $1 order by id', [
    of,
  ]);
  return rows.map((row) => row.rows);
}

t.test(
  'what is before the cutoff goes, to the microsecond, whatever time zone the server is in',
  async (t) => {
    for (const zone of ['UTC', 'Pacific/Kiritimati', 'America/St_Johns']) {
      const db = await createMigratedDatabase(t);
      await db.pool().query(`alter database ${db.name} set timezone to '${zone}'`);
      const records: Buffer[] = [];
      const times = { before: JUST_BEFORE, at: CUTOFF, after: JUST_AFTER };
      const kept: string[] = [];
      for (const [name, time] of Object.entries(times)) {
        for (const [sentName, sentAt] of Object.entries(times)) {
          // A call counts from the later of its sending and its arrival, and its clicks and results go and stay with it.
          const call = `call-${sentName}-${name}`;
          if (sentAt >= CUTOFF || time >= CUTOFF) kept.push(call);
          records.push(
            received(time, callOf(call, { sent_at: sentAt })),
            ...[OLD, NEW].map((at, index) => received(at, clickOf(call, `k${index}`, { user_id: 'u' }))),
            ...[OLD, NEW].map((at, index) => received(at, resultOf(call, `r${index}`))),
          );
        }
        records.push(
          // That of orphans is when they came, whatever they say of themselves.
          received(time, clickOf(`lone-${name}`, 'k', { clicked_at: OLD })),
          received(time, resultOf(`lone-${name}`, 'r', { outcome: 'void', settled_at: NEW })),
          received(time, clickOf('mixed', name)),
          received(time, resultOf('mixed', name)),
        );
      }
      await store(t, db, records);
      const pool = upkeepPool(t, db.url);
      kept.sort();
      t.equal(kept.length, 8);
      const deleted = { calls: 1, clicks: 4, results: 4 };
      t.strictSame(await run(pool, { dryRun: true }), { deleted, postponed: 0, stopped: false }, zone);
      t.equal(await rowsIn(pool), records.length, 'a dry run deletes nothing');
      t.strictSame(await run(pool), { deleted, postponed: 0, stopped: false });
      t.strictSame(await keptIn(pool), {
        calls: kept,
        clicks: [
          ...kept.flatMap((call) => [`${call} k0`, `${call} k1`]),
          'lone-after k',
          'lone-at k',
          'mixed after',
          'mixed at',
        ],
        results: [
          ...kept.flatMap((call) => [`${call} r0`, `${call} r1`]),
          'lone-after r',
          'lone-at r',
          'mixed after',
          'mixed at',
        ],
      });
      t.strictSame(await contradictions(pool), []);
      t.strictSame((await run(pool)).deleted, { calls: 0, clicks: 0, results: 0 });
    }
  },
);

t.test(
  'of an orphan what is left says what its state says, and nothing is left of one that is gone',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const closing = { outcome: null, closing_line_a: 120, line_movement_speed: 'fast' };
    await store(t, db, [
      received(OLD, clickOf('some', 'k1', { user_id: 'ann', action: 'bet', clicked_at: OLD })),
      received(OLD, clickOf('some', 'k2', { user_id: 'bob', action: 'bet' })),
      received(
        NEW,
        clickOf('some', 'k3', { user_id: 'bob', action: 'click', clicked_at: '2025-10-22T05:02:00Z' }),
      ),
      received(NEW, clickOf('some', 'k4')),
      received(NEW, resultOf('some', 'r1', { outcome: 'a_won', settled_at: OLD })),
      received(OLD, resultOf('some', 'r2', { outcome: 'b_won', settled_at: NEW })),
      received(OLD, resultOf('some', 'r3', closing)),
      received(OLD, clickOf('all', 'k1', { user_id: 'ann' })),
      received(OLD, resultOf('all', 'r1')),
      received(NEW, resultOf('none', 'r1')),
    ]);
    const pool = upkeepPool(t, db.url);
    t.strictSame((await run(pool)).deleted, { calls: 0, clicks: 3, results: 3 });
    t.strictSame(await contradictions(pool), []);
    const { rows } = await pool.query(
      `select call_id, clicks, users_clicked, users_bet, first_clicked_at, outcome, settled_at, closing_line_a,
       (select json_agg(json_build_array(user_id, bet)) from call_users where call_users.call_id = call_states.call_id) users
     from call_states order by call_id`,
    );
    const none = { clicks: 0, users_clicked: 0, users_bet: 0, first_clicked_at: null, users: null };
    const some = { clicks: 2, users_clicked: 2, users_bet: 1, users: [['bob', false]] };
    t.strictSame(rows, [
      {
        call_id: 'none',
        ...none,
        outcome: 'a_won',
        settled_at: '2025-10-22T05:30:00.000000Z',
        closing_line_a: null,
      },
      {
        ...{ call_id: 'some', ...some, first_clicked_at: '2025-10-22T05:01:00.000000Z' },
        ...{ outcome: 'a_won', settled_at: OLD, closing_line_a: null },
      },
    ]);
  },
);

t.test(
  'a call that comes again after it was deleted is an ordinary call, and so are its clicks',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db.url);
    const house = await openHouse(t, db.url);
    const records = [
      oldCall('again'),
      received(OLD, clickOf('again', 'k', { user_id: 'ann' })),
      received(OLD, resultOf('again', 'r')),
    ];
    const outcomes = async (): Promise<unknown> => {
      const { first, count } = await house.spool.append(records);
      return house.drain.outcomes(first, count, IN_TIME_MS);
    };
    const viewed = async (): Promise<unknown[]> => {
      const { rows } = await pool.query<Record<string, unknown>>('select * from arbitrage_calls');
      return rows;
    };
    t.strictSame(await outcomes(), ['stored', 'stored', 'stored']);
    const before = await viewed();
    t.strictSame((await run(pool)).deleted, { calls: 1, clicks: 1, results: 1 });
    t.strictSame(await viewed(), []);
    t.strictSame(await outcomes(), ['stored', 'stored', 'stored']);
    t.strictSame(await viewed(), before);
    t.strictSame(await outcomes(), ['duplicate', 'duplicate', 'duplicate']);
    t.strictSame(await contradictions(pool), []);
    t.match(accountOf(house), { accepted: 9, stored: 6, duplicate: 3, deadLetter: 0 });
  },
);

t.test(
  'no transaction takes more calls or many more events than it may; an abort ends between two',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db.url);
    const calls = Array.from({ length: 2_500 }, (_, index) => `c${index}`);
    await store(t, db, [
      // Many came at the same time: the place of a page is not told by time alone.
      ...calls.map((id, index) => received(index < 900 ? OLD : JUST_BEFORE, callOf(id, { sent_at: OLD }))),
      ...calls.map((id) => received(OLD, clickOf(id, 'k', { user_id: 'ann' }))),
    ]);
    await logDeletes(pool);
    const stopping = new AbortController();
    const running = run(pool, { maxCalls: 100, rest: 10, signal: stopping.signal });
    await until(async () => (await loggedDeletes(pool, 'calls')).length >= 3);
    stopping.abort();
    const first = await running;
    const done = await loggedDeletes(pool, 'calls');
    t.match(first, { stopped: true, deleted: { calls: done.length * 100, clicks: done.length * 100 } });
    t.ok(done.length < 25);
    t.strictSame(await contradictions(pool), []);
    t.strictSame((await run(pool, { signal: AbortSignal.abort() })).deleted, {
      calls: 0,
      clicks: 0,
      results: 0,
    });

    const { deleted, stopped } = await run(pool, { maxCalls: 100 });
    const rest = 2_500 - first.deleted.calls;
    t.strictSame(
      { deleted, stopped },
      { deleted: { calls: rest, clicks: rest, results: 0 }, stopped: false },
    );
    t.strictSame(await loggedDeletes(pool, 'calls'), new Array(25).fill(100));

    await pool.query('truncate deletes');
    const big = ['big1', 'big2', 'big3'];
    await store(t, db, [
      ...big.map(oldCall),
      ...big.flatMap((id, index) => clicksOf(id, 5_000 - 1_000 * index).map((click) => received(OLD, click))),
    ]);
    t.strictSame((await run(pool)).deleted, { calls: 3, clicks: 12_000, results: 0 });
    t.strictSame(await loggedDeletes(pool, 'clicks'), [9_000, 3_000]);
  },
);

t.test(
  'calls that were imported lately cost the search nothing, however many and old they are',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = drainPool(t, db.url, 1);
    await pool.query(
      `insert into calls (
       call_id, call_type, book_a, odds_a, odds_format, roi_percent, sent_at, users_notified, received_at, fingerprint)
     select 'history' || n, 'good_ev', 'book', 2, 'decimal', 1, $1::timestamptz - n * interval '1 hour', 0, $2, ''
     from generate_series(1, 20000) as n`,
      [OLD, NEW],
    );
    await store(t, db, calls(20));
    await pool.query('analyze');
    /** By this connection and others that have ended. */
    const reads = async (): Promise<number> => {
      await pool.query('select pg_stat_force_next_flush()');
      const { rows } = await pool.query<{ reads: number }>(
        `select (seq_tup_read + idx_tup_fetch)::int as reads from pg_stat_user_tables where relname = 'calls'`,
      );
      return rows[0]?.reads ?? NaN;
    };
    const before = await reads();
    t.match(await run(pool, { dryRun: true }), { deleted: { calls: 20 } });
    t.match(await run(pool, { maxCalls: 7 }), { deleted: { calls: 20 } });
    t.ok((await reads()) - before < 1_000, 'of 20,020 calls');
  },
);

/** Every step of either side at which it can be held; the waiting is on locks of PostgreSQL that the test hands out. */
const DRAIN_STEPS = [
  'insert calls',
  'insert clicks',
  'insert call_users',
  'insert call_states',
  'insert drain_batches',
];
const CLEANUP_STEPS = ['delete calls', 'delete call_users', 'delete call_states', 'delete clicks'];

async function gateSteps(pool: pg.Pool): Promise<void> {
  await pool.query(`
    create sequence attempts;
    create function wait_at() returns trigger language plpgsql as $$
    begin
      if tg_argv[0] = 'delete call_users' then perform nextval('attempts'); end if;
      perform pg_advisory_xact_lock_shared(hashtext(tg_argv[0]));
      return new;
    end $$`);
  for (const step of [...DRAIN_STEPS, ...CLEANUP_STEPS]) {
    const [verb, table] = step.split(' ');
    const each = verb === 'insert' ? 'row' : 'statement';
    await pool.query(
      `create trigger wait_at_${verb} before ${verb} on ${table} for each ${each} execute function wait_at('${step}')`,
    );
  }
}

/** What stands or comes under a call_id, and the steps that one side goes through for it. */
interface Party {
  readonly name: string;
  readonly steps: readonly string[];
  readonly records: (callId: string) => Buffer[];
}

interface Meeting {
  readonly house: DrainHouse;
  /** Of the clean-up. */
  readonly pool: pg.Pool;
  /** Holds the gates. */
  readonly gates: pg.PoolClient;
}

/** One side is held at a step, the other comes and goes as far as it can; then the first goes on, then the other. */
async function meet(
  { house, pool, gates }: Meeting,
  records: readonly Buffer[],
  steps: { readonly drain: string; readonly cleanup: string; readonly first: 'drain' | 'cleanup' },
): Promise<number> {
  const isWaiting = async (name: string): Promise<boolean> => {
    const { rowCount } = await gates.query(
      `select from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and application_name = $1`,
      [`call-logger ${name}`],
    );
    return rowCount !== 0;
  };
  const open = (step: string): Promise<unknown> =>
    gates.query('select pg_advisory_unlock(hashtext($1))', [step]);
  for (const step of [steps.drain, steps.cleanup])
    await gates.query('select pg_advisory_lock(hashtext($1))', [step]);

  let cleaning: ReturnType<typeof run> | undefined;
  let isClean = false;
  const sides = {
    drain: {
      start: () => house.spool.append(records),
      rests: async () => house.spool.stats().spooled === 0 || (await isWaiting('test')),
    },
    cleanup: {
      start: async () => {
        cleaning = run(pool);
        void cleaning.finally(() => (isClean = true));
      },
      rests: async () => isClean || (await isWaiting('upkeep')),
    },
  };
  const second = steps.first === 'drain' ? 'cleanup' : 'drain';
  for (const side of [steps.first, second] as const) {
    await sides[side].start();
    await until(sides[side].rests);
  }
  for (const side of [steps.first, second] as const) {
    await open(steps[side]);
    await until(async () => (await sides.drain.rests()) && (await sides.cleanup.rests()));
  }
  const result = await cleaning;
  assert.ok(await house.drain.flush(IN_TIME_MS));
  assert.deepEqual([result?.postponed, result?.stopped], [0, false]);
  return result === undefined ? 0 : sumOf(result.deleted);
}

t.test(
  'wherever a batch of the drain meets the clean-up, state and events agree and nothing is lost',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db.url);
    await gateSteps(db.pool());
    const gates = await db.pool({ max: 1 }).connect();
    t.teardown(() => {
      gates.release();
    });
    const house = await openHouse(t, db.url);
    await until(() => house.drain.totals !== null);
    const ann = (id: string): Buffer => received(OLD, clickOf(id, 'k1', { user_id: 'ann', action: 'click' }));
    const result = (id: string): Buffer => received(OLD, resultOf(id, 'r1'));
    const nobody = (id: string, at: UtcTime): Buffer => received(at, clickOf(id, 'k2'));
    const dying: Party[] = [
      {
        name: 'active',
        steps: CLEANUP_STEPS,
        records: (id) => [oldCall(id), ann(id), nobody(id, NEW), result(id)],
      },
      { name: 'silent', steps: CLEANUP_STEPS, records: (id) => [oldCall(id)] },
      {
        name: 'orphan',
        steps: CLEANUP_STEPS.slice(1),
        records: (id) => [ann(id), nobody(id, NEW), result(id)],
      },
    ];
    const bob = (id: string): Buffer => received(OLD, clickOf(id, 'k4', { user_id: 'bob' }));
    const annBets = (id: string): Buffer =>
      received(NEW, clickOf(id, 'k3', { user_id: 'ann', action: 'bet' }));
    const correction = (id: string): Buffer =>
      received(NEW, resultOf(id, 'r2', { outcome: 'void', settled_at: NEW }));
    const all = (id: string): Buffer[] => [oldCall(id), ann(id), annBets(id), bob(id), correction(id)];
    const arriving: Party[] = [
      { name: 'all', steps: DRAIN_STEPS, records: all },
      { name: 'bob', steps: DRAIN_STEPS.slice(1), records: (id) => [bob(id)] },
      { name: 'nobody', steps: DRAIN_STEPS.slice(1).toSpliced(1, 1), records: (id) => [nobody(id, OLD)] },
    ];
    const meetings = dying.flatMap((was) =>
      arriving.flatMap((comes) =>
        comes.steps.flatMap((drain) =>
          was.steps.flatMap((cleanup) =>
            (['drain', 'cleanup'] as const).map((first) => ({ was, comes, drain, cleanup, first })),
          ),
        ),
      ),
    );
    for (const [index, { was, comes, ...steps }] of meetings.entries()) {
      const id = `c${index}`;
      const name = [was.name, comes.name, ...Object.values(steps)].join(', ');
      await pool.query('truncate calls, clicks, results, call_users, call_states');
      const storedBefore = accountOf(house).stored;
      await house.spool.append(was.records(id));
      assert.ok(await house.drain.flush(IN_TIME_MS));
      const deleted = await meet({ house, pool, gates }, comes.records(id), steps);
      assert.deepEqual(await contradictions(pool), [], name);
      const { stored, deadLetter } = accountOf(house);
      assert.deepEqual([deadLetter, stored - storedBefore - deleted], [0, await rowsIn(pool)], name);
    }
    const { rows } = await pool.query<{ attempts: number; deadlocks: number }>(
      `select (select last_value from attempts) as attempts,
       (select deadlocks from pg_stat_database where datname = current_database()) as deadlocks`,
    );
    t.ok((rows[0]?.attempts ?? 0) > 0);
    t.equal(rows[0]?.deadlocks, 0);
    t.comment(`${meetings.length} meetings, ${rows[0]?.attempts} transactions`);
  },
);

t.test('an orphan whose call is stored at the last moment is none any more', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = upkeepPool(t, db.url);
  const house = await openHouse(t, db.url);
  await house.spool.append([received(OLD, clickOf('late', 'k')), received(OLD, resultOf('late', 'r'))]);
  t.ok(await house.drain.flush(IN_TIME_MS));
  const locker = await db.pool({ max: 1 }).connect();
  t.teardown(() => {
    locker.release();
  });
  await locker.query('begin; lock table call_users in share mode');
  const running = run(pool);
  await until(async () => (await lockWaiters(house.pool)) === 1);
  const { first } = await house.spool.append([recordOf(callOf('late', { sent_at: CUTOFF }))]);
  t.strictSame(await house.drain.outcomes(first, 1, IN_TIME_MS), ['stored']);
  await locker.query('commit');
  t.strictSame((await running).deleted, { calls: 0, clicks: 0, results: 0 });
  t.strictSame(await keptIn(pool), { calls: ['late'], clicks: ['late k'], results: ['late r'] });
  t.strictSame(await contradictions(pool), []);
});

interface Plan {
  readonly events: readonly { readonly event: Body; readonly at: UtcTime }[];
  /** Which of the events goes into which of two spools; each at least twice. */
  readonly sendings: readonly { readonly index: number; readonly spool: number }[];
}

const planArbitrary: fc.Arbitrary<Plan> = fc
  .uniqueArray(eventArbitrary, { selector: identityOf, minLength: 20, maxLength: 80, size: 'max' })
  .chain((bodies) =>
    fc.record({
      events: fc.tuple(
        ...bodies.map((event) => fc.record({ event: fc.constant(event), at: fc.constantFrom(OLD, NEW) })),
      ),
      sendings: fc.array(fc.record({ index: fc.nat(bodies.length - 1), spool: fc.nat(1) }), {
        minLength: bodies.length * 3,
        maxLength: bodies.length * 4,
        size: 'max',
      }),
    }),
  );

t.test(
  'while two drains store and store again what clean-ups delete, the account is right at any time',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db.url);
    const watcher = drainPool(t, db.url, 1);
    let deletedInAll = 0;
    let cleanups = 0;
    let looks = 0;
    await fc.assert(
      fc.asyncProperty(planArbitrary, async ({ events, sendings }) => {
        await pool.query('truncate calls, clicks, results, call_users, call_states');
        const options = { batchMaxEvents: 4, concurrency: 2, batchMaxWaitMs: 0 };
        const houses = [await openHouse(t, db.url, options), await openHouse(t, db.url, options)];
        const records = events.map(({ event, at }) => received(at, event));
        let deleted = 0;
        const isOver = new AbortController();
        const cleaning = (async () => {
          while (!isOver.signal.aborted) {
            const done = await run(pool, { maxCalls: 3 });
            deleted += sumOf(done.deleted);
            cleanups++;
          }
        })();
        const watching = (async () => {
          for (; !isOver.signal.aborted; looks++) assert.deepEqual(await contradictions(watcher), []);
        })();
        try {
          for (const { index, spool } of sendings) {
            const record = records[index];
            if (record !== undefined) await houses[spool]?.spool.append([record]);
          }
          for (const { drain } of houses) assert.ok(await drain.flush(IN_TIME_MS));
        } finally {
          isOver.abort();
          await Promise.all([cleaning, watching]);
        }
        deleted += sumOf((await run(pool)).deleted);
        assert.deepEqual((await run(pool, { dryRun: true })).deleted, { calls: 0, clicks: 0, results: 0 });
        assert.deepEqual(await contradictions(pool), []);

        const accounts = houses.map(accountOf);
        const stored = accounts.reduce((sum, account) => sum + account.stored, 0);
        assert.equal(stored - deleted, await rowsIn(pool), 'what was stored and not deleted is there');
        assert.ok(accounts.every(({ deadLetter }) => deadLetter === 0));
        const kept = await keptIn(pool);
        const sent = events.filter((_, index) => sendings.some((sending) => sending.index === index));
        const isYoung = ({ event, at }: (typeof sent)[number]): boolean =>
          at === NEW || String(event['sent_at']) >= CUTOFF;
        const young = sent.filter(({ event }) => event['type'] === 'call').filter(isYoung);
        const youngIds = young.map(({ event }) => event['call_id']);
        assert.deepEqual(kept.calls, [...youngIds].sort(bytewise));
        const present = new Set([...kept.clicks, ...kept.results]);
        for (const { event, at } of sent) {
          if (event['type'] === 'call' || at === OLD || !youngIds.includes(event['call_id'])) continue;
          assert.ok(
            present.has(`${String(event['call_id'])} ${String(event['event_id'])}`),
            identityOf(event),
          );
        }
        deletedInAll += deleted;
        for (const house of houses) await house.close();
      }),
      { numRuns },
    );
    const { rows } = await pool.query<{ deadlocks: number }>(
      'select deadlocks from pg_stat_database where datname = current_database()',
    );
    t.equal(rows[0]?.deadlocks, 0);
    t.ok(deletedInAll > numRuns && cleanups > numRuns && looks > numRuns);
    t.comment(`${numRuns} plans, ${cleanups} clean-ups, ${deletedInAll} rows deleted, ${looks} looks`);
  },
);

function bytewise(a: unknown, b: unknown): number {
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

/** Makes the deletion of a click fail, for as long as `when` holds. */
async function failDeletes(pool: pg.Pool, sqlstate: string, when: string): Promise<void> {
  await pool.query(`
    create sequence failures;
    create function fail() returns trigger language plpgsql as $$
    begin
      if ${when} then raise exception 'made by the test' using errcode = '${sqlstate}'; end if;
      return old;
    end $$;
    create trigger fail before delete on clicks for each row execute function fail()`);
}

const calls = (count: number): Buffer[] =>
  Array.from({ length: count }, (_, index) => [
    oldCall(`c${index}`),
    received(OLD, clickOf(`c${index}`, 'k', { user_id: 'ann' })),
  ]).flat();

t.test(
  'a transaction that PostgreSQL rolled back for others is tried again; any other error ends the run',
  async (t) => {
    for (const sqlstate of ['40001', '40P01', '55P03']) {
      const db = await createMigratedDatabase(t);
      const pool = upkeepPool(t, db.url);
      await store(t, db, calls(5));
      await failDeletes(pool, sqlstate, "nextval('failures') <= 3");
      t.strictSame(await run(pool), {
        deleted: { calls: 5, clicks: 5, results: 0 },
        postponed: 0,
        stopped: false,
      });
      t.strictSame(await contradictions(pool), [], sqlstate);
    }
    for (const sqlstate of ['40P01', '23514']) {
      const db = await createMigratedDatabase(t);
      const pool = upkeepPool(t, db.url);
      await store(t, db, calls(5));
      await failDeletes(pool, sqlstate, "old.call_id = 'c3'");
      await t.rejects(run(pool, { maxCalls: 1 }), { code: sqlstate });
      t.equal(await rowsIn(pool), 4, 'what was done until then is done');
      t.strictSame(await contradictions(pool), []);
    }
  },
);

t.test('a call that cannot be had is left to the next run, and holds back no other', async (t) => {
  const db = await createMigratedDatabase(t);
  const pool = upkeepPool(t, db.url);
  await store(t, db, [
    ...calls(6),
    received(OLD, clickOf('lone', 'k')),
    received(OLD, clickOf('lone2', 'k')),
  ]);
  await failDeletes(pool, '55P03', "old.call_id in ('c3', 'lone')");
  t.strictSame(await run(pool), {
    deleted: { calls: 5, clicks: 6, results: 0 },
    postponed: 2,
    stopped: false,
  });
  t.strictSame((await keptIn(pool)).clicks, ['c3 k', 'lone k']);
  t.strictSame(await contradictions(pool), []);
  await pool.query('drop trigger fail on clicks');
  t.match(await run(pool), { deleted: { calls: 1, clicks: 2 }, postponed: 0 });
});

t.test(
  'a clean-up that loses its connection ends with that error, and the next one finds all as it was',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db.url);
    await store(t, db, calls(5));
    const [locker, killer] = [await db.pool({ max: 1 }).connect(), db.pool({ max: 1 })];
    t.teardown(() => {
      locker.release();
    });
    await locker.query('begin; lock table results in share mode');
    const running = t.rejects(run(pool), /terminat/);
    await until(async () => {
      const { rowCount } = await killer.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'call-logger upkeep' and wait_event_type = 'Lock'`,
      );
      return rowCount === 1;
    });
    await running;
    await locker.query('commit');
    t.equal(await rowsIn(pool), 10);
    t.strictSame(await contradictions(pool), []);
    t.match(await run(pool), { deleted: { calls: 5, clicks: 5, results: 0 } });
  },
);

t.test(
  'a cleanup that was killed has deleted whole calls or nothing of them, and the next goes on',
  async (t) => {
    const db = await createMigratedDatabase(t);
    const pool = upkeepPool(t, db.url);
    const ids = Array.from({ length: 40 }, (_, i) => `call-${10 + i}`);
    const eventsOf = (id: string): Buffer[] => [
      oldCall(id),
      received(NEW, clickOf(id, 'k', { user_id: 'u' })),
      received(NEW, resultOf(id, 'r')),
    ];
    await store(t, db, ids.flatMap(eventsOf));
    // It comes as far as the third transaction, and waits in the middle of that.
    const holder = await db.pool().connect();
    await holder.query(`begin; select from call_states where call_id = 'call-35' for update`);
    const task = startTask(['cleanup', db.url, CUTOFF]);
    const ended = once(task, 'close');
    await until(async () => (await lockWaiters(pool)) === 1);
    task.kill('SIGKILL');
    await ended;
    await holder.query('rollback');
    holder.release();
    // What the dead process had begun is rolled back by its backend, which notices a moment later.
    await until(async () => (await sessionsOf(pool, 'call-logger test')) === 0);
    t.strictSame((await keptIn(pool)).calls, ids.slice(20));
    t.equal(await rowsIn(pool), 3 * 20);
    t.strictSame(await contradictions(pool), []);

    t.strictSame(await run(pool), {
      deleted: { calls: 20, clicks: 20, results: 20 },
      postponed: 0,
      stopped: false,
    });
    t.equal(await rowsIn(pool), 0);
    t.strictSame(await contradictions(pool), []);
  },
);

async function sessionsOf(pool: pg.Pool, name: string): Promise<number> {
  const { rowCount } = await pool.query(
    'select from pg_stat_activity where datname = current_database() and application_name = $1',
    [name],
  );
  return rowCount ?? 0;
}
