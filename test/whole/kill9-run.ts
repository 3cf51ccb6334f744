/** `npm run kill9 -- [--rounds 20] [--connections 32]` */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kill9 } from './kill9.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    connections: { type: 'string', default: '32' },
  },
});
const dataDir = await mkdtemp(join(tmpdir(), 'call-logger-kill9-'));
await chmod(dataDir, 0o711);
try {
  const report = await kill9({
    dataDir,
    rounds: Number(values.rounds),
    connections: Number(values.connections),
    loadMs: [500, 2_500],
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  const { accepted, stored, duplicate, dead_letter: deadLetter, spooled } = report.counts;
  const balance = accepted === (stored ?? 0) + (duplicate ?? 0) + (deadLetter ?? 0) + spooled;
  if (report.lost + report.duplicated + report.invented > 0 || !balance) process.exitCode = 1;
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
