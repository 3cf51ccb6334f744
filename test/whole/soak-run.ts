/** `npm run soak -- [--minutes 5] [--seed S] [--rate 400] [--pooler]`; the line of figures on standard output, the rest beside it. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { lineOf } from './soak/figures.js';
import { planOf } from './soak/plan.js';
import { soak } from './soak/soak.js';
import { programOf } from '../helpers/program.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    rate: { type: 'string', default: '400' },
    pooler: { type: 'boolean', default: false },
  },
});
const tell = (line: string): boolean => process.stderr.write(`${line}\n`);
const directory = await mkdtemp(join(tmpdir(), 'call-logger-soak-'));
const whereAndHow = `everything is left in ${directory}; --seed ${values.seed} makes the same plan`;
tell(`seed ${values.seed}`);
const { figures, problems } = await soak({
  seed: values.seed,
  faults: planOf(values.seed),
  forMs: Number(values.minutes) * 60_000,
  rate: Number(values.rate),
  isPooled: values.pooler,
  directory,
  program: programOf('server'),
  waitsForRest: true,
  progress: tell,
}).catch((error: unknown) => {
  tell(whereAndHow);
  throw error;
});
process.stdout.write(`${lineOf(figures)}\n`);
if (problems.length > 0) {
  tell(
    `\n${problems.join('\n')}\n\neverything is left in ${directory}; --seed ${values.seed} makes the same plan`,
  );
  process.exitCode = 1;
} else await rm(directory, { recursive: true, force: true });
