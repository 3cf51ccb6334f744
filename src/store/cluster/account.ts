import fs from 'node:fs/promises';
import { ClusterError } from './errors.js';

/** The user of the operating system PostgreSQL runs as: it refuses to run as root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** Whether it is another user than ours, so that processes and files have to be handed over to it. */
  readonly foreign: boolean;
}

/** Tried in this order when the service runs as root; every usual system has at least the second. */
const candidates = ['postgres', 'nobody'];

/**
 * @param owner who owns the cluster already, if there is one: it keeps its owner
 * @throws ClusterError when there is no fitting account, or the cluster belongs to somebody else
 */
export async function chooseAccount(
  directory: string,
  owner?: { uid: number; gid: number },
): Promise<Account> {
  const uid = process.getuid?.() ?? 0;
  const gid = process.getgid?.() ?? 0;
  if (uid !== 0) {
    if (owner && owner.uid !== uid) {
      const who = `belongs to user id ${owner.uid}, but this process runs as user id ${uid}`;
      throw new ClusterError(`The cluster in ${directory} ${who}. Run as that user, or chown -R it.`);
    }
    return { uid, gid, foreign: false };
  }
  if (owner && owner.uid !== 0) return { ...owner, foreign: true };
  const lines = (await fs.readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of candidates) {
    const [, , uid, gid] = lines.find((fields) => fields[0] === name) ?? [];
    if (Number(uid) > 0) return { uid: Number(uid), gid: Number(gid), foreign: true };
  }
  const advice = `Run the service as another user, or add the user "postgres".`;
  throw new ClusterError(
    `PostgreSQL does not run as root, and /etc/passwd has none of ${candidates.join(', ')}. ${advice}`,
  );
}
