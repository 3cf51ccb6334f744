/** `npm run bench:growth`: how cost grows with the calls in the store, with connections, with the size of events. */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Ground } from './ground.js';
import { runGrowth } from './growth.js';
import { growthTables } from './growth-table.js';

const HELP = `Usage: npm run bench:growth -- [options]

  --rows LIST         calls in the store (default 0,1000000; 10000000 takes 35 GB and the better part of an hour)
  --connections LIST  (default 1,4,16,64,256)
  --kib LIST          sizes of an event (default 0.3,1,8,32)
  --rounds N          (default 3)
  --seconds N         of one load (default 5)
  --json FILE         all figures

An empty LIST leaves a part out: --rows=
`;
const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '0,1000000' },
    connections: { type: 'string', default: '1,4,16,64,256' },
    kib: { type: 'string', default: '0.3,1,8,32' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    json: { type: 'string', default: join(tmpdir(), 'call-logger-bench-growth.json') },
    help: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a whole number from 1');
  const durationS = Number(values.seconds);
  if (!(durationS > 0)) throw new Error('--seconds is a number over 0');
  const settings = {
    rounds,
    durationS,
    warmUpS: Math.min(2, durationS),
    connections: 64,
    rows: 50_000,
    warmUpRows: 5_000,
    callsInStore: numbers('rows', values.rows, 0),
    connectionCounts: numbers('connections', values.connections, 1),
    // 32 KiB is the limit of `raw`, and the rest of the event comes on top of it.
    eventSizes: numbers('kib', values.kib, 0.25, 32).map((kib) => Math.round(kib * 1024)),
  };
  const report = await Ground.with(['dist/server.js'], (ground) =>
    runGrowth(ground, settings, (note) => process.stderr.write(`${note}\n`)),
  );
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\n${growthTables(report)}\nAll figures: ${values.json}\n`);
}

function numbers(option: string, list: string, min: number, max = Infinity): number[] {
  const parsed = list
    .split(',')
    .filter((item) => item !== '')
    .map(Number);
  if (parsed.some((value) => !(value >= min && value <= max)))
    throw new Error(`--${option} is a list of numbers from ${min}${max === Infinity ? '' : ` to ${max}`}`);
  return parsed.sort((a, b) => a - b);
}

if (values.help) process.stdout.write(HELP);
else await main();
