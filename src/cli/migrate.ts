import { migrate } from '../store/migrate.js';
import { runCommand, YES } from './upkeep/command.js';
import { withPool, withTarget } from './upkeep/database.js';

const help = `Brings the schema of the database up to date, as every start of the service does.

  npm run migrate

The database is DATABASE_URL, or the embedded one under DATA_DIR; other settings as for the service.
Exit code: 0 up to date, 2 it could not be done.
`;

await runCommand({
  name: 'migrate',
  help,
  run: ({ config, say }) =>
    withTarget(config, true, async (target) => {
      await withPool(target, migrate);
      say('The schema is up to date.');
      return YES;
    }),
});
