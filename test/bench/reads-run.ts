/** `npm run bench:reads -- --database URL`: how fast calls, statistics and exports are on a filled database. */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isWhole, readsTables } from './reads-table.js';
import { type Part, PARTS, runReads } from './reads.js';

const HELP = `Usage: npm run bench:reads -- --database URL [options]

  --database URL   filled by npm run bench:fill; nothing is written to it
  --rounds N       (default 3)
  --only PARTS     of ${PARTS.join(',')} (default all)
  --json FILE      all figures
`;
const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: PARTS.join(',') },
    json: { type: 'string', default: join(tmpdir(), 'call-logger-bench-reads.json') },
    help: { type: 'boolean', default: false },
  },
});

async function main(databaseUrl: string): Promise<void> {
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is a whole number from 1');
  const report = await runReads(
    { databaseUrl, rounds, repeats: 5, parts: partsOf(values.only), service: ['dist/server.js'] },
    (note) => process.stderr.write(`${note}\n`),
  );
  await writeFile(values.json, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(`\n${readsTables(report)}All figures: ${values.json}\n`);
  if (!isWhole(report)) process.exitCode = 1;
}

function partsOf(list: string): Part[] {
  return list.split(',').map((name) => {
    const part = PARTS.find((known) => known === name);
    if (part === undefined) throw new Error(`--only takes ${PARTS.join(', ')}, not "${name}"`);
    return part;
  });
}

if (values.help) process.stdout.write(HELP);
else if (values.database === undefined) {
  process.stderr.write(HELP);
  process.exitCode = 2;
} else await main(values.database);
