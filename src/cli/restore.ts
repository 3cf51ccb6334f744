import { stat } from 'node:fs/promises';
import { ConfigReader } from '../config/reader.js';
import { ifExists } from '../lib/if-exists.js';
import { utcTimeFromMs } from '../lib/time.js';
import type { ConnectionTarget } from '../store/database.js';
import { inTransaction } from '../store/transaction.js';
import { isBackupId } from '../upkeep/backup/ids.js';
import type { Lost } from '../upkeep/backup/replaced.js';
import { type Restore, restoreBackup } from '../upkeep/backup/restore-backup.js';
import { findOurs } from '../upkeep/backup/tables.js';
import { lockTarget } from '../upkeep/backup/target.js';
import { completeOwnBackup, recordRun } from '../upkeep/runs.js';
import { backup } from '../upkeep/tasks.js';
import { type Call, runCommand, UsageError, YES } from './upkeep/command.js';
import { catalogueOf, withKeeping, withPool, withTarget } from './upkeep/database.js';
import { rowsLine } from './upkeep/words.js';

const help = `Restores a backup into an empty database, and compares what is there then with what was backed up.

  npm run restore -- FILE [options]

  FILE         a backup (ID.sql.gz, with its manifest ID.json beside it), or the id of one in DATA_DIR/backups

  --into URL   the database, as postgres://user:password@host:5432/database; else that of the service:
               DATABASE_URL, or the embedded one under DATA_DIR
  --replace    what call-logger has in the database gives way; a backup of it is made first
  --force      also a file that its manifest disagrees with

Stop the service first: while one is attached to the database this refuses. All happens in one transaction, so a restore
that fails leaves the database as it was. A backup of an older version is brought up to date. Events that wait on the
spool are stored when the service is started again.

Exit code: 0 restored, 2 not.
`;

const UNKNOWN_LOSS =
  'lost     what was stored after that and is not on the spool any more; the database was empty, so nobody can say how much';

async function restore(call: Call, file: string, bytes: number, target: ConnectionTarget): Promise<number> {
  const { flags, signal, progress, say } = call;
  const startedAt = utcTimeFromMs(Date.now());
  const replacedBackupId = flags.has('replace') ? await makeWay(call, target) : null;
  const restored = await restoreBackup({
    ...{ file, target, signal },
    replace: flags.has('replace'),
    force: flags.has('force'),
    onProgress: (done) => {
      progress.set('restoring', done.bytes, bytes);
    },
  });
  await withPool(target, async (pool) => {
    await completeOwnBackup(pool, restored.id, restored.snapshot_at);
    await recordRun(pool, {
      task: 'restore',
      trigger: 'manual',
      state: 'complete',
      started_at: startedAt,
      finished_at: utcTimeFromMs(Date.now()),
      detail: { ...restored, replaced_backup_id: replacedBackupId },
      error: null,
    });
  });
  for (const line of linesOf(restored)) say(line);
  return YES;
}

/** Makes a backup of what is going to be replaced, unless there is nothing. @returns its id */
async function makeWay({ config, signal, say }: Call, target: ConnectionTarget): Promise<string | null> {
  const isThere = await withPool(target, (pool) =>
    inTransaction(pool, async (client) => {
      // Before anything is written: with a service attached there is no use in a backup.
      await lockTarget(client);
      return (await findOurs(client)).length > 0;
    }),
  );
  if (!isThere) return null;
  return withKeeping(target, config, signal, async (keeping) => {
    const { id } = await backup(keeping, { trigger: 'manual', prune: false });
    say(`replaced ${keeping.catalogue.fileOf(id)}`);
    return id;
  });
}

function fileOf({ words, config }: Call): string {
  const [file] = words;
  if (file === undefined || file === '') throw new UsageError('name the file, or the id, of the backup');
  return isBackupId(file) ? catalogueOf(config).fileOf(file) : file;
}

async function sizeOf(file: string): Promise<number> {
  const found = await ifExists(stat(file));
  if (found === undefined)
    throw new UsageError(`there is no file, and no backup in DATA_DIR/backups, called ${file}`);
  return found.size;
}

/** @throws UsageError, without showing the URL, which may hold a password */
function databaseUrl(text: string): string {
  const read = new ConfigReader({ '--into': text });
  const url = read.postgresUrl('--into');
  if (url === undefined || read.problems.length > 0)
    throw new UsageError(read.problems.join('; ') || '--into names a database');
  return url;
}

function linesOf({ id, snapshot_at, rows, compared, problems, lost }: Restore): string[] {
  return [
    `backup   ${id}, of ${snapshot_at}`,
    rowsLine(rows),
    compared
      ? 'compared every table with the manifest'
      : 'compared nothing: there was no manifest beside the file',
    ...problems.map((problem) => `PROBLEM  ${problem}`),
    ...(lost === null ? [UNKNOWN_LOSS] : lossOf(lost)),
  ];
}

function lossOf(lost: Lost): string[] {
  return (['calls', 'clicks', 'results'] as const).map((table) => {
    const { count, from, to } = lost[table];
    return count === 0
      ? `lost     no ${table}`
      : `lost     ${count} ${table}, received from ${from ?? '?'} to ${to ?? '?'}`;
  });
}

await runCommand({
  name: 'restore',
  help,
  flags: ['replace', 'force'],
  texts: ['into'],
  maxArguments: 1,
  run: async (call) => {
    const file = fileOf(call);
    const size = await sizeOf(file);
    const into = call.texts.get('into');
    return into === undefined
      ? withTarget(call.config, true, (target) => restore(call, file, size, target))
      : restore(call, file, size, { connectionString: databaseUrl(into) });
  },
});
