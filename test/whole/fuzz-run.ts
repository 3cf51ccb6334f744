/** `npm run fuzz -- [--requests 100000] [--seed S] [--first 0] [--connections 16]`; `--first N --requests 1` repeats shot N. */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { fuzzFresh } from './fuzz/fresh.js';
import { summary } from './fuzz/summary.js';

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    first: { type: 'string', default: '0' },
    connections: { type: 'string', default: '16' },
  },
});
const undo: (() => unknown)[] = [];
try {
  const report = await fuzzFresh(
    { teardown: (fn) => undo.unshift(fn) },
    {
      program: ['dist/server.js'],
      seed: Number(values.seed),
      first: Number(values.first),
      requests: Number(values.requests),
      connections: Number(values.connections),
      mostBlockedMs: 200,
      progress: (line) => process.stderr.write(`${line}\n`),
    },
  );
  process.stdout.write(`${summary(report)}\n`);
  if (report.complaints.length > 0) process.exitCode = 1;
} finally {
  for (const fn of undo) await fn();
}
