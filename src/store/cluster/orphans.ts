/**
 * Making sure that nothing of an earlier life works on a cluster before a new postmaster starts there. Two sets of
 * PostgreSQL processes on one directory destroy it, so in doubt this refuses.
 */
import fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { ifExists } from '../../lib/if-exists.js';
import { endProcesses } from './endings.js';
import { ClusterInUseError } from './errors.js';
import type { Log } from './log.js';
import { isAlive, isPostgresIn, parentOf, postgresProcessesIn } from './processes.js';

interface LockFile {
  readonly pid: number;
  readonly socket: string | undefined;
}

/**
 * Stops an orphaned postmaster, waits for the processes of a killed one, and removes a lock file whose process id
 * means something else by now.
 * Only for the holder of the lock: whatever a living service of ours runs, it runs under that.
 * @param inherited the service that held the lock before was killed, so what runs there is its orphan
 * @throws ClusterInUseError when somebody else runs it
 */
export async function evict(directory: string, inherited: boolean, log: Log): Promise<void> {
  const lock = await readLockFile(directory);
  if (lock && isAlive(lock.pid) && isPostgresIn(lock.pid, directory)) {
    if (!inherited && parentOf(lock.pid) !== 1) {
      throw new ClusterInUseError(
        `The cluster in ${directory} is run by PostgreSQL process ${lock.pid}, which no service of ours started.`,
      );
    }
    log.warn({ pid: lock.pid }, 'stopping the PostgreSQL that an earlier service left behind');
    await endProcesses(
      () => [lock.pid].filter((pid) => isPostgresIn(pid, directory)),
      ['SIGINT', 'SIGQUIT', 'SIGKILL'],
    );
  } else if (lock?.socket !== undefined && (await answers(lock.socket))) {
    // Seen from here it has no process: it runs in another container that shares the directory.
    throw new ClusterInUseError(
      `The cluster in ${directory} is run by a PostgreSQL that is not visible from here.`,
    );
  }
  // Without their postmaster, the others leave by themselves as soon as they notice.
  await endProcesses(() => postgresProcessesIn(directory), [undefined, 'SIGQUIT', 'SIGKILL']);
  if (lock && isAlive(lock.pid)) {
    // PostgreSQL takes any living process of that id for the owner of the lock.
    await fs.rm(path.join(directory, 'postmaster.pid'), { force: true });
  }
}

/** Lines of postmaster.pid: process id, data directory, start time, port, socket directory, … */
async function readLockFile(directory: string): Promise<LockFile | undefined> {
  const text = await ifExists(fs.readFile(path.join(directory, 'postmaster.pid'), 'utf8'));
  if (text === undefined) return undefined;
  const [pid, , , port, socketDirectory] = text.split('\n');
  const socket = port && socketDirectory ? path.join(socketDirectory, `.s.PGSQL.${port}`) : undefined;
  return { pid: Math.abs(Number(pid)), socket };
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = net.connect(socket);
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
