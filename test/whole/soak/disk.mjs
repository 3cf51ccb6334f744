/**
 * Preloaded into the service: does to the segments of its spool what the file `harm` in its data directory says.
 *   failed_sync    the next sync is none, and fails with EIO
 *   torn_write     of the next write one half gets there, and the process is gone
 *   short_writes   no write takes more than 100 bytes, for as long as the file is there
 * Plain JavaScript, because it runs before anything else in a process that knows no TypeScript.
 */
import { readFileSync, rmSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';

const MOST_BYTES = 100;
const order = join(process.env.DATA_DIR, 'harm');
const { open } = promises;

function isOrdered(harm) {
  try {
    return readFileSync(order, 'utf8') === harm;
  } catch {
    return false;
  }
}

function harmed(handle) {
  const write = handle.write.bind(handle);
  const datasync = handle.datasync.bind(handle);
  handle.write = async (buffer, offset, length, position) => {
    if (isOrdered('torn_write')) {
      await write(buffer, offset, Math.ceil(length / 2), position);
      process.kill(process.pid, 'SIGKILL');
    }
    return write(buffer, offset, isOrdered('short_writes') ? Math.min(length, MOST_BYTES) : length, position);
  };
  handle.datasync = async () => {
    if (!isOrdered('failed_sync')) return datasync();
    rmSync(order);
    throw Object.assign(new Error('EIO: i/o error, fdatasync'), {
      code: 'EIO',
      errno: -5,
      syscall: 'fdatasync',
    });
  };
  return handle;
}

promises.open = async (path, ...how) => {
  const handle = await open(path, ...how);
  return String(path).endsWith('.seg') ? harmed(handle) : handle;
};
syncBuiltinESMExports();
