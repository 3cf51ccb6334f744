import t from 'tap';
import { createDatabase, createMigratedDatabase } from '../helpers/postgres.js';
import { programOf } from '../helpers/program.js';
import { fill, verify } from './fill.js';
import { readsTables } from './reads-table.js';
import { PARTS, runReads } from './reads.js';
import { fixtureEvents } from './rows.js';
import { runUpkeep } from './upkeep.js';
import { upkeepTable } from './upkeep-table.js';

const quiet = (): void => undefined;

// Also when run without the runner and its settings.
t.setTimeout(240_000);

/** Of all of them: the first fills it, the last empties it. */
const database = await createMigratedDatabase(t);

t.test('a fill makes so many calls, clicks and results, in order of time, that fit together', async (t) => {
  const pool = database.pool();
  const options = { databaseUrl: database.url, events: fixtureEvents(), calls: 600, weeks: 20, add: false };
  const sizes = await fill(options, quiet);
  t.strictSame(
    sizes.map(({ name }) => name),
    ['calls', 'call_states', 'clicks', 'call_users', 'results'],
  );
  const rows = Object.fromEntries(sizes.map((size) => [size.name, size.rows]));
  t.equal(rows['calls'], 600);
  const { clicks = 0, results = 0 } = rows;
  t.ok(clicks >= 2_900 && clicks < 3_300, `about five clicks per call: ${clicks}`);
  t.ok(results >= 700 && results < 900, `about 1.2 results per call: ${results}`);

  const { rows: times } = await pool.query<{ weeks: number; order: number }>(
    `select
       (max(sent_at)::date - min(sent_at)::date) / 7.0 as weeks,
       corr(place, extract(epoch from sent_at)) as order
     from (select row_number() over (order by ctid) as place, sent_at from calls) as placed`,
  );
  const [{ weeks, order } = { weeks: 0, order: 0 }] = times;
  t.ok(weeks > 19 && weeks < 21, `over twenty weeks: ${weeks}`);
  // PostgreSQL gives each connection pages of its own to fill: here and there one lies behind its successor.
  t.ok(order > 0.7, `by time: ${order}`);

  await t.rejects(fill(options, quiet), /holds 600 calls/);
  const added = await fill({ ...options, calls: 100, add: true }, quiet);
  t.equal(added[0]?.rows, 700);

  const miscount = (by: number) =>
    pool.query(
      `update call_states set users_bet = users_bet + $1 where call_id = (select min(call_id) from call_states)`,
      [by],
    );
  await miscount(1);
  await t.rejects(verify(pool), /1 rows of call_states/);
  await miscount(-1);
  await verify(pool);
  await t.rejects(
    fill({ ...options, databaseUrl: database.url.replace(database.name, 'postgres') }, quiet),
    /not migrated/,
  );
});

t.test('the bench of reads asks everything there is to ask and is answered', async (t) => {
  const settings = { databaseUrl: database.url, rounds: 1, repeats: 1, parts: PARTS };
  const report = await runReads({ ...settings, service: programOf('server') }, quiet);
  const timings = [...report.pages, ...report.recipes, ...report.dimensions];
  for (const { question, error } of timings) t.equal(error, null, question.title);
  for (const { kind, ratio } of report.exports) t.ok((ratio?.min ?? 0) > 0, `${kind.title}: a ratio`);
  const tables = readsTables(report);
  for (const { title } of [...timings.map(({ question }) => question), ...report.plans])
    t.ok(tables.includes(`${title} `), `${title}: a row of a table`);
});

t.test('the bench of upkeep does every task, alone and beside ingest', async (t) => {
  const empty = await createDatabase(t);
  const report = await runUpkeep(
    {
      ...{ databaseUrl: database.url, restoreUrl: empty.url, daysToKeep: 1, connections: 2, sliceS: 0.1 },
      ...{ service: programOf('server'), restore: programOf('cli/restore') },
    },
    quiet,
  );
  t.equal(report.errors, 0);
  t.strictSame(
    report.lines.map(({ title }) => title),
    ['backup', 'verify', 'cleanup', 'restore'],
  );
  t.match(report.lines[2]?.note, /^700 calls, /);
  const table = upkeepTable(report);
  for (const { title, besideRate } of report.lines.slice(0, 3)) {
    t.ok((besideRate ?? 0) > 0, `${title}: a rate beside it`);
    t.match(table, new RegExp(`^${title} `, 'm'));
  }
});
