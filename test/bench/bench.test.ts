import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { programOf } from '../helpers/program.js';
import { runBench } from './bench.js';
import { contenders } from './contenders.js';
import { Ground } from './ground.js';
import { openLoop } from './load-open.js';
import { freshCalls, recordOf } from './rows.js';
import { sized } from './sized.js';
import { tableOf } from './table.js';

const quiet = (): void => undefined;

// Also when run without the runner and its settings.
t.setTimeout(240_000);

t.test('the bench measures contenders of every kind and none of them errs', async (t) => {
  // COPY and NDJSON of calls alone are the mix without clicks and results.
  const chosen = contenders
    .map(({ name }) => name)
    .filter((name) => !/^(COPY|NDJSON|NDJSON-500)$/.test(name));
  const settings = {
    contenders: chosen,
    rounds: 1,
    connections: 4,
    durationS: 0.1,
    warmUpS: 0.1,
    rows: 280,
    warmUpRows: 70,
  };
  const report = await Ground.with(programOf('server'), (ground) => runBench(ground, settings, quiet));
  t.equal(report.lines.length, 11);
  const table = tableOf(report).split('\n');
  for (const [index, { title, headline, figures, ratios }] of report.lines.entries()) {
    t.ok((figures[headline]?.min ?? 0) > 0, `${title}: what it is compared by`);
    t.strictSame(figures.errors, { median: 0, min: 0, max: 0 }, `${title}: no errors`);
    for (const { to, spread } of ratios)
      t.equal(spread !== null, chosen.includes(to), `${title}: a ratio to ${to}`);
    t.ok(table[index + 1]?.startsWith(title), `${title}: a row of the table`);
  }
  const bytes = report.lines.flatMap(({ title, figures }) => [
    { title, spread: /spool|call-logger|NDJSON/.test(title) ? figures.serviceBytes : null },
    { title, spread: figures.landedPerS && figures.postgresBytes },
  ]);
  const counted = bytes.filter(({ spread }) => spread !== null);
  const canCount = process.platform === 'linux' && !report.machine.inMemory;
  t.equal(counted.length, canCount ? 10 : 0, 'who writes to disk');
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
