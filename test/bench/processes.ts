import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { root } from '../helpers/program.js';

/** A server under test, in a process of its own. */
export interface Server {
  readonly url: string;
  readonly pid: number;
  /** Ends it with SIGTERM. @throws Error when it does not end well */
  stop(): Promise<void>;
}

/**
 * Starts node on a program that says "listens on URL" on standard error. Its log, on standard output, is written and
 * thrown away, so that each server pays for it and no disk is disturbed.
 */
export async function startServer(
  program: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Server> {
  const child = spawn(process.execPath, program, {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_ENV: 'production', PORT: '0', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  // So that nothing is left behind when the bench ends in the middle.
  const kill = (): boolean => child.kill('SIGKILL');
  process.once('exit', kill);
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const address = /listens on (http:\S+)/.exec(output)?.[1];
      if (address !== undefined) resolve(address);
    });
    void ended.then(() => {
      reject(new Error(`${program.join(' ')} ended before it listened:\n${output}`));
    });
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('a process that answers has no pid');
  return {
    url,
    pid,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', kill);
      if (child.exitCode !== 0) throw new Error(`${program.join(' ')} did not stop well:\n${output}`);
    },
  };
}
