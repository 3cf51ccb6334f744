import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Teardown } from './postgres.js';
import { programOf, root } from './program.js';

/** The service in a process of its own, as an operator runs it. */
export interface RunningService {
  readonly url: string;
  readonly process: ChildProcess;
  /** Everything it wrote to standard output and standard error so far. */
  output(): string;
  /** Settles when the process has ended. */
  readonly ended: Promise<unknown>;
  /** Sends the signal and waits for the end of the process; its exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/**
 * Starts the service on a free port and waits until it listens.
 * @param env variables beside PATH; nothing of this process's own configuration leaks in
 * @param program what Node is given
 */
export async function startService(
  env: Readonly<Record<string, string>>,
  program: readonly string[] = programOf('server'),
): Promise<RunningService> {
  const child = spawn(process.execPath, program, {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0', LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const address = /listens on (http:\S+)/.exec(output)?.[1];
      if (address !== undefined) resolve(address);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    void ended.then(() => {
      reject(new Error(`the service ended before it listened:\n${output}`));
    });
  });
  return {
    url,
    process: child,
    output: () => output,
    ended,
    end: async (signal) => {
      child.kill(signal);
      await ended;
      return child.exitCode ?? child.signalCode;
    },
  };
}

/** An empty directory that is gone after the test. */
export async function temporaryDirectory(t: Teardown): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'call-logger-test-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
