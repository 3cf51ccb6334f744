/**
 * Makes sure that no PostgreSQL process of an earlier run is left in a data directory before a new one starts there.
 * Two sets of processes on one directory destroy it, so in doubt this refuses.
 */
import fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { ClusterInUseError } from './errors.js';
import { isAlive, isPostgresIn, parentOf, postgresProcessesIn, terminate } from './processes.js';
import { readLockFile } from './running.js';
import type { Log } from './server-log.js';

/**
 * Stops an orphaned postmaster, waits for the processes of a killed one, and removes a lock file whose process id
 * means something else by now.
 * Only for the holder of the directory's lock: whatever a living service of ours runs, it runs under that.
 * @param inherited the service that held the lock before was killed, so what runs there is its orphan
 * @throws ClusterInUseError when somebody else runs it
 */
export async function stopOrphans(directory: string, inherited: boolean, log: Log): Promise<void> {
  const lock = await readLockFile(directory);
  if (lock && isPostgresIn(lock.pid, directory)) {
    if (!inherited && parentOf(lock.pid) !== 1) {
      throw new ClusterInUseError(
        `The cluster in ${directory} is run by PostgreSQL process ${lock.pid}, which no service of ours started.`,
      );
    }
    log.warn({ pid: lock.pid }, 'stopping an orphaned PostgreSQL');
    await terminate(
      () => [lock.pid].filter((pid) => isPostgresIn(pid, directory)),
      ['SIGINT', 'SIGQUIT', 'SIGKILL'],
    );
  } else if (lock?.socketDirectory && (await answers(lock.socketDirectory, lock.port))) {
    // Without a process to be seen: it runs in another container that shares the directory.
    throw new ClusterInUseError(
      `The cluster in ${directory} is run by a PostgreSQL that is not visible from here.`,
    );
  }
  // Without their postmaster, the others leave by themselves as soon as they notice.
  await terminate(() => postgresProcessesIn(directory), [undefined, 'SIGQUIT', 'SIGKILL']);
  if (lock && isAlive(lock.pid)) {
    // PostgreSQL takes any living process of that id for the owner of the lock.
    await fs.rm(path.join(directory, 'postmaster.pid'), { force: true });
  }
}

function answers(socketDirectory: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect(path.join(socketDirectory, `.s.PGSQL.${port}`));
    const finish = (answer: boolean) => {
      connection.destroy();
      resolve(answer);
    };
    connection.setTimeout(1_000, () => {
      finish(true);
    });
    connection.once('connect', () => {
      finish(true);
    });
    connection.once('error', () => {
      finish(false);
    });
  });
}
