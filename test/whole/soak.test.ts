import { createHash } from 'node:crypto';
import t from 'tap';
import { drainPool, openHouse } from '../helpers/drain.js';
import { recordsOf } from '../helpers/events.js';
import { createMigratedDatabase } from '../helpers/postgres.js';
import { programOf } from '../helpers/program.js';
import { temporaryDirectory } from '../helpers/service.js';
import { RowAuditor } from './soak/audit-rows.js';
import { lineOf } from './soak/figures.js';
import { Ledger } from './soak/ledger.js';
import { planOf, shortPlanOf } from './soak/plan.js';
import { Problems } from './soak/problems.js';
import { sceneOf } from './soak/scene.js';
import { soak } from './soak/soak.js';
import { Stream } from './soak/stream.js';

t.setTimeout(180_000);

const DAY_MS = Date.UTC(2025, 9, 22);

function first<T>(count: number, next: () => T): T[] {
  return Array.from({ length: count }, next);
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

t.test('a seed makes the same requests and the same faults again, another seed others', async (t) => {
  const plan = (seed: string): string => {
    const stream = new Stream({ seed, dayMs: DAY_MS });
    const faults = planOf(seed);
    return hash([first(300, () => stream.next()), first(60, () => faults.next().value)]);
  };
  t.equal(plan('a'), plan('a'));
  t.not(plan('a'), plan('b'));
});

t.test('the audit notices what is lost, changed, invented or counted twice', async (t) => {
  const database = await createMigratedDatabase(t);
  const { spool, drain } = await openHouse(t, database.url);
  const script = { seed: 'audit', dayMs: DAY_MS };
  const scenes = [0, 1, 2, 3, 4, 5].map((number) => sceneOf(script, number));
  const events = scenes.flatMap((scene) => scene.events);
  const items = events.map((event) => ({ event, variant: 0, body: event.variants[0] }));
  await spool.append(recordsOf(items.map(({ body }) => body)));
  t.ok(await drain.flush(20_000));
  const pool = drainPool(t, database.url, 1);
  const ledger = new Ledger();
  ledger.acknowledge(items, null);
  const audit = async () => {
    const problems = new Problems();
    return { rows: await new RowAuditor(pool, ledger, problems).audit(scenes), problems };
  };

  const good = await audit();
  t.strictSame(good.problems.lines, []);
  t.match(good.rows, { events: events.length, rows: events.length, lost: 0, invented: 0, duplicated: 0 });

  const call = events.find(({ type }) => type === 'call');
  const click = events.find(({ type }) => type === 'click');
  const changes = [
    ['lost', `delete from clicks where event_id = '${click?.eventId}'`],
    [
      'not what was sent',
      `update calls set roi_percent = roi_percent + 0.0001 where call_id = '${call?.callId}'`,
    ],
    ['view', `update call_states set clicks = clicks + 1 where call_id = '${click?.callId}'`],
    ['view', `update call_states set users_clicked = users_clicked + 1 where call_id = '${click?.callId}'`],
  ] as const;
  for (const [kind, change] of changes) {
    await pool.query('begin');
    t.equal((await pool.query(change)).rowCount, 1, change);
    t.ok((await audit()).problems.count(kind) > 0, `${kind}: ${change}`);
    await pool.query('rollback');
  }

  // What nobody acknowledged may be there or not; what nobody sent may not.
  const [item] = items;
  if (item === undefined) throw new Error('there are no events');
  ledger.leaveUnknown([{ ...item, variant: 0 }]);
  t.strictSame((await audit()).problems.lines, []);
  const empty = new Problems();
  t.match(await new RowAuditor(pool, new Ledger(), empty).audit(scenes), { invented: events.length });
});

t.test(
  'nothing acknowledged is lost, doubled or changed, whatever breaks, and all of it recovers',
  async (t) => {
    const { figures, problems } = await soak({
      seed: 'short',
      faults: shortPlanOf('short', [
        ...(['kill_both', 'lost_commits', 'flipped_byte', 'read_only', 'clock_back'] as const),
        ...(['failed_sync', 'torn_write', 'short_writes'] as const),
      ]),
      forMs: 60_000,
      rate: 400,
      directory: await temporaryDirectory(t),
      program: programOf('server'),
      waitsForRest: false,
    });
    t.comment(lineOf(figures));
    t.strictSame(problems, []);
    t.match(figures, { lost: 0, duplicated: 0, invented: 0, corrupt: 1 });
    t.ok(figures.events > 500, 'there was a load');
  },
);
