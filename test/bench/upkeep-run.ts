/** `npm run bench:upkeep -- --database URL`: backup, verification, restore and cleanup of a filled database. */
import { parseArgs } from 'node:util';
import { runUpkeep } from './upkeep.js';
import { upkeepTable } from './upkeep-table.js';

const HELP = `Usage: npm run bench:upkeep -- --database URL [options]

  --database URL      filled by npm run bench:fill; calls are added to it
  --restore-into URL  an empty database, for the restore
  --days-to-keep N    also a cleanup, which takes older calls from it
  --connections N     of the load beside it (default 4)
  --slice-seconds N   of one piece of load (default 5)
`;
const { values } = parseArgs({
  options: {
    database: { type: 'string' },
    'restore-into': { type: 'string' },
    'days-to-keep': { type: 'string' },
    connections: { type: 'string', default: '4' },
    'slice-seconds': { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
  },
});

async function main(databaseUrl: string): Promise<void> {
  const days = values['days-to-keep'];
  const report = await runUpkeep(
    {
      databaseUrl,
      restoreUrl: values['restore-into'],
      daysToKeep: days === undefined ? undefined : Number(days),
      connections: Number(values.connections),
      sliceS: Number(values['slice-seconds']),
      service: ['dist/server.js'],
      restore: ['dist/cli/restore.js'],
    },
    (note) => process.stderr.write(`${note}\n`),
  );
  process.stdout.write(`\n${upkeepTable(report)}`);
  if (report.errors > 0) process.exitCode = 1;
}

if (values.help) process.stdout.write(HELP);
else if (values.database === undefined) {
  process.stderr.write(HELP);
  process.exitCode = 2;
} else await main(values.database);
