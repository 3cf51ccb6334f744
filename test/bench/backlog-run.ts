/** `npm run bench:backlog`: how the service starts, what a backlog costs it, and how it drains beside a load. */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Load } from './load.js';
import { runBacklog } from './backlog.js';
import { backlogTables } from './backlog-table.js';

const HELP = `Usage: npm run bench:backlog -- [options]

  --events N   of the backlog (default 1000000, which take 1 GB on the spool and 1 GB in the store)
  --seconds N  of one load (default 10)
  --json FILE  all figures
`;
const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    seconds: { type: 'string', default: '10' },
    json: { type: 'string', default: join(tmpdir(), 'call-logger-bench-backlog.json') },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  const events = Number(values.events);
  if (!Number.isInteger(events) || events < 1) throw new Error('--events is a whole number from 1');
  const durationS = Number(values.seconds);
  if (!(durationS > 0)) throw new Error('--seconds is a number over 0');
  const load = new Load();
  const report = await runBacklog(
    load,
    {
      ...{ events, rows: 100_000, warmUpRows: 10_000, connections: 64 },
      ...{ durationS, warmUpS: Math.min(3, durationS), sliceS: Math.min(2, durationS) },
      service: ['dist/server.js'],
    },
    (note) => process.stderr.write(`${note}\n`),
  );
  await load.stop();
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\n${backlogTables(report)}\nAll figures: ${values.json}\n`);
  if (report.errors + report.missing > 0) process.exitCode = 1;
}

if (values.help) process.stdout.write(HELP);
else await main();
