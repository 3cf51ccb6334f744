import t from 'tap';
import { programOf } from '../helpers/program.js';
import { runBacklog } from './backlog.js';
import { backlogTables } from './backlog-table.js';
import { Ground } from './ground.js';
import { runGrowth } from './growth.js';
import { growthTables } from './growth-table.js';
import { Load } from './load.js';

const quiet = (): void => undefined;

// Also when run without the runner and its settings.
t.setTimeout(240_000);

t.test('the bench of growth measures every level of what grows, and none errs', async (t) => {
  const settings = {
    ...{ rounds: 1, connections: 2, durationS: 0.1, warmUpS: 0.1, rows: 70, warmUpRows: 7 },
    ...{ callsInStore: [200], connectionCounts: [1, 3], eventSizes: [2_000] },
  };
  const report = await Ground.with(programOf('server'), (ground) => runGrowth(ground, settings, quiet));
  const { connections, sizes, rows } = report;
  t.equal(rows[0]?.calls, 200);
  const figures = [
    ...connections.flatMap(({ paused, whole }) => [paused, whole]),
    ...sizes.flatMap(({ singles, ndjson }) => [singles, ndjson]),
    ...rows.flatMap(({ singles, ndjson, mixed }) => [singles, ndjson, mixed]),
  ];
  t.equal(figures.length, 2 * 2 + 2 + 3);
  for (const { acknowledgedPerS, errors } of figures) {
    t.ok((acknowledgedPerS?.min ?? 0) > 0);
    t.strictSame(errors, { median: 0, min: 0, max: 0 });
  }
  const tables = growthTables(report);
  for (const level of ['1', '3', '2,000', '200'])
    t.match(tables, new RegExp(`^${level} .* 0$`, 'm'), `a row for ${level}`);
});

t.test('the bench of a backlog tells of starts, of what comes in and of what drains', async (t) => {
  const settings = {
    ...{
      events: 2_000,
      rows: 100,
      warmUpRows: 10,
      connections: 2,
      durationS: 0.1,
      warmUpS: 0.1,
      sliceS: 0.1,
    },
    service: programOf('server'),
  };
  const load = new Load();
  t.teardown(() => load.stop());
  const report = await runBacklog(load, settings, quiet);
  t.equal(report.errors, 0);
  t.equal(report.missing, 0);
  t.equal(report.starts.length, 4);
  t.strictSame(
    report.phases.map(({ eventsPerS, singlesPerS }) => [(eventsPerS ?? 0) > 0, (singlesPerS ?? 0) > 0]),
    [
      [false, true],
      [true, false],
      [true, false],
      [false, true],
      [true, true],
    ],
  );
  const tables = backlogTables(report);
  for (const { title } of [...report.starts, ...report.phases])
    t.match(tables, new RegExp(`^${title} `, 'm'), `a row for ${title}`);
});
