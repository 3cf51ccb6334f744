/** `npm run bench:fill -- --database URL`: fills a database, for reads to be measured. */
import { parseArgs } from 'node:util';
import { fill, type TableSize } from './fill.js';
import { fixtureEvents } from './rows.js';
import { aligned } from './table.js';

const HELP = `Usage: npm run bench:fill -- --database URL [options]

  --database URL   PostgreSQL, migrated: by a start of the service, for example
  --calls N        how many (default 1000000), each with about 5 clicks and 1.2 results
  --events FILE    real events to multiply, one JSON object per line (default test/fixtures/events.ndjson)
  --years N        spread over so many years (default 3)
  --add            also when the database holds calls already
`;
const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    calls: { type: 'string', default: '1000000' },
    events: { type: 'string' },
    years: { type: 'string', default: '3' },
    add: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

async function main(databaseUrl: string): Promise<void> {
  const calls = Number(values.calls);
  const weeks = Math.round(Number(values.years) * 52.18);
  if (!Number.isInteger(calls) || calls < 1) throw new Error('--calls is a whole number from 1');
  if (!(weeks >= 1)) throw new Error('--years is a number of at least a week');
  const begin = performance.now();
  const seconds = (): string => ((performance.now() - begin) / 1000).toFixed(0);
  // On a terminal each note takes the place of the one before.
  const lineEnd = process.stderr.isTTY ? '\u001b[K\r' : '\n';
  const sizes = await fill(
    { databaseUrl, events: fixtureEvents(values.events), calls, weeks, add: values.add },
    (note) => process.stderr.write(`${seconds()} s: ${note}${lineEnd}`),
  );
  process.stdout.write(`\n${sizeTable(sizes)}\n\nfilled in ${seconds()} s\n`);
}

function sizeTable(sizes: readonly TableSize[]): string {
  const calls = sizes.find(({ name }) => name === 'calls')?.rows ?? NaN;
  const total = { name: 'together', rows: 0, table_bytes: 0, index_bytes: 0, bytes: 0 };
  for (const size of sizes)
    for (const figure of ['rows', 'table_bytes', 'index_bytes', 'bytes'] as const)
      total[figure] += size[figure];
  const whole = (value: number): string => Math.round(value).toLocaleString('en');
  return aligned([
    ['', 'rows', 'table MB', 'indexes MB', 'together MB', 'bytes/row', 'bytes/call'],
    ...[...sizes, total].map(({ name, rows, table_bytes, index_bytes, bytes }) => [
      name,
      whole(rows),
      ...[table_bytes, index_bytes, bytes].map((value) => (value / 1e6).toFixed(1)),
      whole(bytes / rows),
      whole(bytes / calls),
    ]),
  ]);
}

if (values.help) process.stdout.write(HELP);
else if (values.database === undefined) {
  process.stderr.write(HELP);
  process.exitCode = 2;
} else await main(values.database);
