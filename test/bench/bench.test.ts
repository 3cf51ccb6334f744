import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { createDatabase, createMigratedDatabase } from '../helpers/postgres.js';
import { programOf } from '../helpers/program.js';
import { runBench } from './bench.js';
import { contenders } from './contenders.js';
import { fill, verify } from './fill.js';
import { openLoop } from './load-open.js';
import { readsTables } from './reads-table.js';
import { PARTS, runReads } from './reads.js';
import { fixtureEvents, freshCalls, recordOf } from './rows.js';
import { sized } from './sized.js';
import { tableOf } from './table.js';
import { runUpkeep } from './upkeep.js';
import { upkeepTable } from './upkeep-table.js';

const quiet = (): void => undefined;

// Also when run without the runner and its settings.
t.setTimeout(240_000);

t.test('the bench measures every contender and none of them errs', async (t) => {
  const report = await runBench(
    {
      ...{ rounds: 1, connections: 4, durationS: 0.1, warmUpS: 0.1, rows: 280, warmUpRows: 70 },
      service: programOf('server'),
    },
    quiet,
  );
  t.equal(report.lines.length, contenders.length);
  const table = tableOf(report).split('\n');
  for (const [index, { title, headline, figures, ratios }] of report.lines.entries()) {
    t.ok((figures[headline]?.min ?? 0) > 0, `${title}: what it is compared by`);
    t.strictSame(figures.errors, { median: 0, min: 0, max: 0 }, `${title}: no errors`);
    for (const { to, spread } of ratios) t.ok((spread?.min ?? 0) > 0, `${title}: a ratio to ${to}`);
    t.ok(table[index + 1]?.startsWith(title), `${title}: a row of the table`);
  }
  const bytes = report.lines.flatMap(({ title, figures }) => [
    { title, spread: /spool|call-logger|NDJSON/.test(title) ? figures.serviceBytes : null },
    { title, spread: figures.landedPerS && figures.postgresBytes },
  ]);
  const counted = bytes.filter(({ spread }) => spread !== null);
  const canCount = process.platform === 'linux' && !report.machine.inMemory;
  t.equal(counted.length, canCount ? 15 : 0, 'who writes to disk');
  for (const { title, spread } of counted)
    t.ok((spread?.min ?? 0) > 150, `${title}: at least the bytes of an event`);
});

t.test('an open loop charges a stall to all who would have come meanwhile', async (t) => {
  const STALL_MS = 300;
  let refused = 0;
  let open = false;
  const waiting: ServerResponse[] = [];
  const answer = (response: ServerResponse): void => {
    response.statusCode = refused++ < 3 ? 503 : 202;
    response.end('{}');
  };
  const server = createServer((request, response) => {
    if (waiting.length === 0 && !open)
      setTimeout(() => {
        open = true;
        waiting.forEach(answer);
      }, STALL_MS);
    request.resume().on('end', () => {
      if (open) answer(response);
      else waiting.push(response);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const load = { url: `http://127.0.0.1:${port}`, connections: 2, durationS: 0.5, prefix: 'stall' };
  const { acknowledged, errors, p50Ms } = await openLoop(load, 100);
  t.strictSame({ acknowledged, errors }, { acknowledged: 47, errors: 3 });
  // Call number 25 was due after 250 ms. Of the two connections a closed loop would have told of two slow calls.
  t.ok(p50Ms > 40, `the median of latencies is ${p50Ms} ms`);
});

t.test('calls are made of the size that is asked for, and are accepted', async (t) => {
  for (const bytes of [300, 1_024, 8 * 1_024, 32 * 1_024]) {
    const call = sized(freshCalls('sized').next().value, bytes);
    t.ok(Math.abs(JSON.stringify(call).length - bytes) < 40, `${bytes} bytes`);
    t.doesNotThrow(() => recordOf(call));
  }
});

t.test('a fill makes so many calls, clicks and results, in order of time, that fit together', async (t) => {
  const database = await createMigratedDatabase(t);
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
  t.ok(order > 0.9, `by time: ${order}`);

  await t.rejects(fill(options, quiet), /holds 600 calls/);
  const added = await fill({ ...options, calls: 100, add: true }, quiet);
  t.equal(added[0]?.rows, 700);

  await pool.query(
    'update call_states set users_bet = users_bet + 1 where call_id = (select min(call_id) from call_states)',
  );
  await t.rejects(verify(pool), /1 rows of call_states/);
  await t.rejects(
    fill({ ...options, databaseUrl: database.url.replace(database.name, 'postgres') }, quiet),
    /not migrated/,
  );
});

t.test('the bench of reads asks everything there is to ask and is answered', async (t) => {
  const { url } = await createMigratedDatabase(t);
  await fill({ databaseUrl: url, events: fixtureEvents(), calls: 300, weeks: 10, add: false }, quiet);
  const service = programOf('server');
  const report = await runReads({ databaseUrl: url, rounds: 1, repeats: 1, parts: PARTS, service }, quiet);
  const timings = [...report.pages, ...report.recipes, ...report.dimensions];
  for (const { question, error } of timings) t.equal(error, null, question.title);
  for (const { kind, ratio } of report.exports) t.ok((ratio?.min ?? 0) > 0, `${kind.title}: a ratio`);
  const tables = readsTables(report);
  for (const { title } of [...timings.map(({ question }) => question), ...report.plans])
    t.ok(tables.includes(`${title} `), `${title}: a row of a table`);
});

t.test('the bench of upkeep does every task, alone and beside ingest', async (t) => {
  const { url } = await createMigratedDatabase(t);
  const empty = await createDatabase(t);
  await fill({ databaseUrl: url, events: fixtureEvents(), calls: 300, weeks: 10, add: false }, quiet);
  const report = await runUpkeep(
    {
      ...{ databaseUrl: url, restoreUrl: empty.url, daysToKeep: 1, connections: 2, sliceS: 0.1 },
      ...{ service: programOf('server'), restore: programOf('cli/restore') },
    },
    quiet,
  );
  t.equal(report.errors, 0);
  t.strictSame(
    report.lines.map(({ title }) => title),
    ['backup', 'verify', 'cleanup', 'restore'],
  );
  t.match(report.lines[2]?.note, /^300 calls, /);
  const table = upkeepTable(report);
  for (const { title, besideRate } of report.lines.slice(0, 3)) {
    t.ok((besideRate ?? 0) > 0, `${title}: a rate beside it`);
    t.match(table, new RegExp(`^${title} `, 'm'));
  }
});
