/**
 * One task of upkeep in a process of its own, to be killed or starved: `backup URL DIRECTORY`, `verify URL DIRECTORY ID`,
 * `restore URL FILE`, `cleanup URL CUTOFF`, the first three with `-stuck` behind the task's name to stop for ever in the middle of the work.
 */
import { createPool } from '../../src/store/database.js';
import { BackupCatalogue } from '../../src/upkeep/backup/catalogue.js';
import { newBackupId } from '../../src/upkeep/backup/ids.js';
import { restoreBackup } from '../../src/upkeep/backup/restore-backup.js';
import { verifyBackup } from '../../src/upkeep/backup/verify-backup.js';
import { writeBackup } from '../../src/upkeep/backup/write-backup.js';
import { cleanUp } from '../../src/upkeep/cleanup.js';

const [, , name = '', url = '', where = '', id = ''] = process.argv;
const [task, mode] = name.split('-');
const target = { connectionString: url };
const pool = createPool(target, { name: 'test', max: 2, statementTimeoutMs: 0 }, () => undefined);
const { signal } = new AbortController();

let calls = 0;
function onProgress(): void {
  if (mode !== 'stuck' || ++calls < 4) return;
  process.stdout.write('middle\n');
  setInterval(() => undefined, 60_000);
  // Nothing goes on in this thread any more; what was written above is with the kernel by now.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

try {
  if (task === 'backup') {
    const trigger = 'schedule';
    const request = {
      pool,
      directory: where,
      id: newBackupId(Date.now()),
      trigger,
      signal,
      onProgress,
    } as const;
    await writeBackup({ ...request, serviceVersion: '1.2.3' });
  } else if (task === 'verify') {
    const scratch = { kind: 'beside', pool, target } as const;
    await verifyBackup({ catalogue: new BackupCatalogue(where), id, scratch, signal, onProgress });
  } else if (task === 'cleanup') {
    await cleanUp(pool, { cutoff: where, dryRun: false, signal, maxCalls: 10, rest: 0 });
  } else {
    await pool.end();
    await restoreBackup({ file: where, target, replace: true, signal, onProgress });
  }
  process.stdout.write('done\n');
} catch (error) {
  process.stdout.write(`failed: ${String(error)}\n`);
}
if (!pool.ending) await pool.end();
