import t from 'tap';
import { runBench } from './bench.js';
import { contenders } from './contenders.js';
import { tableOf } from './table.js';

t.test('the bench measures every contender and none of them errs', async (t) => {
  const report = await runBench(
    {
      rounds: 1,
      connections: 4,
      durationS: 0.2,
      warmUpS: 0.1,
      rows: 700,
      warmUpRows: 70,
      service: ['--import', 'tsx', 'src/server.ts'],
    },
    () => undefined,
  );
  t.equal(report.lines.length, contenders.length);
  const table = tableOf(report).split('\n');
  for (const [index, { title, figures, ratios }] of report.lines.entries()) {
    t.ok((figures.rate?.min ?? 0) > 0, `${title}: a rate`);
    t.strictSame(figures.errors, { median: 0, min: 0, max: 0 }, `${title}: no errors`);
    for (const { to, spread } of ratios) t.ok((spread?.min ?? 0) > 0, `${title}: a ratio to ${to}`);
    t.ok(table[index + 1]?.startsWith(title), `${title}: a row of the table`);
  }
});
