/** What lies beside the service for Prometheus, Grafana and their operators, against what the service tells. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { parse } from 'yaml';
import { type Facts, Metrics } from '../../src/observe/metrics.js';
import { parsePage } from '../helpers/exposition.js';
import { readmeOf } from '../helpers/readmes.js';
import { temporaryDirectory } from '../helpers/service.js';
import { root } from '../helpers/program.js';

const run = promisify(execFile);
const alertsPath = join(root, 'src/observe/prometheus/alerts.yaml');
const promtool = await run('promtool', ['--version']).then(
  () => true,
  () => false,
);
const withPromtool = { skip: promtool ? false : "no promtool here (Debian's package prometheus has it)" };

const facts: Facts = {
  ready: true,
  spool: { state: 'open', accepted: 12, spooled: 0, bytes: 1, limitBytes: 2, oldestAgeS: null },
  drain: { state: 'running', totals: { stored: 10, duplicate: 1, deadLetter: 1 } },
  store: { state: 'up', pools: [{ name: 'drain', max: 3, used: 1, idle: 1, waiting: 0 }] },
  upkeep: {
    lastRuns: [{ task: 'verify', lastSuccessMs: 1_500, succeeded: false, durationS: 0.5 }],
    backup: { lastGoodMs: 2_000, lastVerifiedMs: null },
  },
  backupIntervalDays: 14,
  diskReserveBytes: 3,
};

/** A page on which everything that can happen has happened. */
async function wholePage(): Promise<string> {
  const metrics = new Metrics('1.2.3', ['bot "1"\\']);
  metrics.door.requestAnswered({ method: 'GET', route: null, status: 404, seconds: 1 });
  metrics.door.requestRefused('malformed_request');
  metrics.door.eventRejected('bot', 'required');
  metrics.door.eventsUnacknowledged('spool_full', 3);
  metrics.spool.committed({ records: 12, seconds: 0.001 });
  metrics.spool.faulted('full');
  metrics.drain.cut(12, 'age');
  metrics.drain.attempted(0.01, 'committed');
  metrics.drain.failed('connection');
  metrics.drain.deadLettered('conflict');
  return metrics.text({ facts: () => facts, disk: async () => ({ freeBytes: 5, sizeBytes: 10 }) });
}

const page = await wholePage();
const { types } = parsePage(page);
const own = [...types.keys()].filter((name) => name.startsWith('call_logger_')).sort();

/** The metrics in a text, without what histograms add to their names. */
function metricsIn(text: string): string[] {
  const names = text.match(/\b(call_logger|process|nodejs)_\w+\b/g) ?? [];
  const known = (name: string): string => {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    return types.get(base) === 'histogram' ? base : name;
  };
  return [...new Set(names.map(known))].sort();
}

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
    readonly targets?: readonly { readonly expr: string }[];
  }[];
}

const dashboard = JSON.parse(
  await readFile(join(root, 'src/observe/prometheus/dashboard.json'), 'utf8'),
) as Dashboard;
const questions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

const readme = readmeOf('src/observe');

const rules = (
  parse(await readFile(alertsPath, 'utf8')) as {
    groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[];
  }
).groups.flatMap((group) => group.rules);

/** Runs promtool; what it says, when it is not content. */
async function complaint(args: readonly string[], input = ''): Promise<string | null> {
  const running = run('promtool', args, { cwd: root });
  running.child.stdin?.end(input);
  return running.then(
    () => null,
    (error: unknown) =>
      error instanceof Error && 'stdout' in error && 'stderr' in error
        ? `${String(error.stdout)}${String(error.stderr)}`
        : String(error),
  );
}

t.test('the page is valid for the parser and the linter of Prometheus', withPromtool, async (t) => {
  t.equal(await complaint(['check', 'metrics'], page), null);
  t.not(await complaint(['check', 'metrics'], page.replace('} 1\n', '} one\n')), null, 'it does look');
});

t.test('every metric is of the service, in base units, and says what it is', async (t) => {
  for (const name of own) {
    const type = types.get(name);
    t.equal(name.endsWith('_total'), type === 'counter', `${name} is a ${type ?? ''}`);
    t.notMatch(name, /_(ms|milliseconds|kib|mib|minutes|days|percent)(_|$)/);
    t.match(page, `# HELP ${name} `);
  }
  for (const name of [
    'process_cpu_seconds_total',
    'process_resident_memory_bytes',
    'nodejs_eventloop_lag_p99_seconds',
  ])
    t.ok(types.has(name), name);
});

t.test('what a label holds is written so that it can be read back', async (t) => {
  t.match(page, 'call_logger_events_received_total{key="bot \\"1\\"\\\\"} 0\n');
});

t.test('the README has each metric with its type, and no other', async (t) => {
  const rows = [...readme.matchAll(/^\| `(call_logger_\w+)[^`]*` +\| (\w+) +\|/gm)];
  t.strictSame(
    rows.map(([, name, type]) => `${name} ${type}`).sort(),
    own.map((name) => `${name} ${types.get(name)}`),
  );
});

t.test('dashboard and alerts ask only for metrics that there are', async (t) => {
  t.ok(questions.length > 30 && rules.length > 10);
  for (const question of [...questions, ...rules.map(({ expr }) => expr)])
    for (const name of metricsIn(question)) t.ok(types.has(name), `${name} in ${question}`);
});

t.test('each alert is in the README, and says what is the matter and what to do', async (t) => {
  const named = [...readme.matchAll(/^\| `(CallLogger\w+)` +\|/gm)].map(([, name]) => name);
  t.strictSame(named.sort(), rules.map(({ alert }) => alert).sort());
  for (const { alert, annotations } of rules) {
    t.ok(annotations['summary'] && annotations['description'], alert);
    for (const name of metricsIn(annotations['description'] ?? ''))
      t.ok(types.has(name), `${name} in ${alert}`);
  }
});

t.test('the alerts fire when they should, and not when they should not', withPromtool, async (t) => {
  t.equal(await complaint(['check', 'rules', '--lint-fatal', alertsPath]), null);
  t.equal(await complaint(['test', 'rules', join(root, 'test/observe/alerts.promtool.yaml')]), null);
});

t.test('the dashboard can be read: each question is PromQL, and no panel lies over another', async (t) => {
  const { panels } = dashboard;
  t.equal(dashboard.uid, 'call-logger');
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const [index, { title, gridPos: one }] of panels.entries()) {
    t.ok(one.x + one.w <= 24, title);
    for (const { title: other, gridPos: two } of panels.slice(index + 1)) {
      const apart =
        one.x + one.w <= two.x || two.x + two.w <= one.x || one.y + one.h <= two.y || two.y + two.h <= one.y;
      if (!apart) t.fail(`${title} lies over ${other}`);
    }
  }
  t.test('by promtool', withPromtool, async (t) => {
    // As rules, whose expressions promtool reads.
    const asRules = questions.map((question, index) => ({
      record: `panel:${index}`,
      expr: question
        .replaceAll('$__rate_interval', '5m')
        .replaceAll('$__interval', '1m')
        .replaceAll('$instance', '.*'),
    }));
    const file = join(await temporaryDirectory(t), 'dashboard.json');
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules: asRules }] }));
    t.equal(await complaint(['check', 'rules', '--lint=none', file]), null);
  });
});
