import { execFile } from 'node:child_process';
import { programEnvironment } from './environment.js';

let available: Promise<boolean> | undefined;

/**
 * The command line that runs `program` so that the kernel sends it a signal when this process dies, however it dies.
 * Needs setpriv of util-linux; without it, the command line as it is, and the next start finds an orphan.
 */
export async function dyingWithUs(
  signal: 'INT' | 'KILL',
  program: string,
  args: readonly string[],
): Promise<[string, ...string[]]> {
  available ??= new Promise((resolve) => {
    if (process.platform !== 'linux') {
      resolve(false);
      return;
    }
    execFile('setpriv', ['--pdeathsig', 'INT', 'true'], { env: programEnvironment, cwd: '/' }, (error) => {
      resolve(error === null);
    });
  });
  return (await available) ? ['setpriv', '--pdeathsig', signal, program, ...args] : [program, ...args];
}
