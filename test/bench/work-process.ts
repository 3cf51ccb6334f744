import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileOf, loader } from '../helpers/program.js';

/**
 * A program of the bench in a process of its own, so that what it costs can be told apart from everything else; one for
 * all it has to do, so that it is warm. It does one piece of work at a time.
 */
export class WorkProcess<Request extends object, Result> {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  /** So that nothing is left behind when the bench ends in the middle. */
  readonly #kill = (): void => {
    this.#child.kill('SIGKILL');
  };

  /** @param name of a module beside this one; it answers each message with one of its own */
  constructor(name: string, args: readonly string[] = []) {
    this.#child = fork(fileOf(new URL(name, import.meta.url)), args, {
      execArgv: [...loader],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#ended = once(this.#child, 'exit');
    process.once('exit', this.#kill);
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the process could not be started');
    return pid;
  }

  async run(request: Request): Promise<Result> {
    this.#child.send(request);
    const ended = this.#ended.then(() => {
      throw new Error(`${this.#child.spawnargs.join(' ')} ended`);
    });
    const message: unknown[] = await Promise.race([once(this.#child, 'message'), ended]);
    // The child sends nothing else.
    return message[0] as Result;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#ended;
    process.off('exit', this.#kill);
  }
}
