/**
 * `npm run bench [-- --quick] [--rounds 5] [--only floor,paused] [--json FILE]`: what call-logger costs beside what else
 * there is: doing nothing, an INSERT per request, COPY.
 */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runBench } from './bench.js';
import { contenders, type Settings } from './contenders.js';
import { Ground } from './ground.js';
import { tableOf } from './table.js';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string' },
    json: { type: 'string', default: join(tmpdir(), 'call-logger-bench.json') },
  },
});
const names = contenders.map(({ name }) => name);
const chosen = values.only?.split(',') ?? names;
const unknown = chosen.filter((name) => !names.includes(name));
if (unknown.length > 0) throw new Error(`--only takes ${names.join(', ')}, not ${unknown.join(', ')}`);

const full = {
  contenders: chosen,
  rounds: 5,
  connections: 64,
  durationS: 10,
  warmUpS: 3,
  rows: 50_000,
  warmUpRows: 5_000,
};
const quick = { ...full, rounds: 1, durationS: 2, warmUpS: 1, rows: 20_000, warmUpRows: 5_000 };
const preset: Settings = values.quick ? quick : full;
const rounds = Number(values.rounds ?? preset.rounds);
if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a whole number from 1');

const report = await Ground.with(['dist/server.js'], (ground) =>
  runBench(ground, { ...preset, rounds }, (note) => process.stderr.write(`${note}\n`)),
);
await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
process.stdout.write(`\n${tableOf(report)}\nAll figures: ${values.json}\n`);
if (report.lines.some(({ figures }) => figures.errors?.max !== 0)) process.exitCode = 1;
