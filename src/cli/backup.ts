import { backup } from '../upkeep/tasks.js';
import { runCommand, YES } from './upkeep/command.js';
import { catalogueOf, withKeeping, withTarget } from './upkeep/database.js';
import { backupLines } from './upkeep/words.js';

const help = `Makes a backup of the database, also while the service runs.

  npm run backup

It goes to DATA_DIR/backups: ID.sql.gz, a SQL script that psql can run, and its manifest ID.json. Older ones
than the BACKUP_KEEP newest are removed, but for the last one that was verified.

The database is DATABASE_URL, or the embedded one under DATA_DIR; other settings as for the service.
A database of an older version is brought up to date first, as a start of the service would.
Exit code: 0 the backup is complete, 2 there is none.
`;

await runCommand({
  name: 'backup',
  help,
  run: ({ config, signal, progress, say }) =>
    withTarget(config, false, (target) =>
      withKeeping(target, config, signal, async (keeping) => {
        const made = await backup(keeping, {
          trigger: 'manual',
          prune: true,
          onProgress: ({ table, rows, rowsExpected }) => {
            progress.set(`${table}, ${rows} rows`, rows, rowsExpected);
          },
        });
        for (const line of backupLines(made, catalogueOf(config).fileOf(made.id))) say(line);
        return YES;
      }),
    ),
});
