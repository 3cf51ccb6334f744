import { stat } from 'node:fs/promises';
import type { BackupCatalogue } from '../upkeep/backup/catalogue.js';
import { verify } from '../upkeep/tasks.js';
import { NO, runCommand, UsageError, YES } from './upkeep/command.js';
import { catalogueOf, withKeeping, withTarget } from './upkeep/database.js';
import { rowsLine } from './upkeep/words.js';

const help = `Proves a backup by restoring it into a scratch database, which is compared with what was backed up.

  npm run verify -- [ID]

  ID    of a backup in DATA_DIR/backups; the newest one unless given

The scratch database is made beside the database of the service and dropped again; where the role may not create
databases, VERIFY_DATABASE_URL names an empty one.

The database is DATABASE_URL, or the embedded one under DATA_DIR; other settings as for the service.
Exit code: 0 the backup is good, 1 it is not, 2 it could not be found out.
`;

await runCommand({
  name: 'verify',
  help,
  maxArguments: 1,
  run: async ({ config, words, signal, progress, say }) => {
    const catalogue = catalogueOf(config);
    const id = words[0] ?? (await newest(catalogue));
    if ((await catalogue.get(id)) === undefined)
      throw new UsageError(`there is no backup ${id} in ${catalogue.directory}`);
    const bytes = await stat(catalogue.fileOf(id)).then(
      ({ size }) => size,
      () => 0,
    );
    return withTarget(config, false, (target) =>
      withKeeping(target, config, signal, async (keeping) => {
        const { ok, problems, rows } = await verify(keeping, {
          id,
          trigger: 'manual',
          onProgress: (file) => {
            progress.set(`restoring ${id} on trial`, file.bytes, bytes);
          },
        });
        say(`backup   ${id}`);
        for (const problem of problems) say(`problem  ${problem}`);
        if (rows !== null) say(rowsLine(rows));
        say(ok ? 'It is good: it was restored, and holds what was backed up.' : 'It is NOT good.');
        return ok ? YES : NO;
      }),
    );
  },
});

async function newest(catalogue: BackupCatalogue): Promise<string> {
  const [first] = await catalogue.list();
  if (first === undefined) throw new UsageError(`there are no backups in ${catalogue.directory}`);
  return first.id;
}
