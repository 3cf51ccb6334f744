import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface LoadRequest {
  readonly url: string;
  readonly connections: number;
  readonly durationS: number;
  /** Of the call_ids; unlike that of any other run against the same server. */
  readonly prefix: string;
}

export interface LoadResult {
  /** Answers with 2xx. */
  readonly acknowledged: number;
  /** Other answers and broken connections. */
  readonly errors: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Of one core, by the process that made the load. */
  readonly cpuPercent: number;
}

/** The process that makes the load; one for all runs, so that it is warm. One run at a time. */
export class Load {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('load-process.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#ended = once(this.#child, 'exit');
  }

  async run(request: LoadRequest): Promise<LoadResult> {
    this.#child.send(request);
    const ended = this.#ended.then(() => {
      throw new Error('the process that makes the load ended');
    });
    const message: unknown[] = await Promise.race([once(this.#child, 'message'), ended]);
    // The child sends nothing else.
    return message[0] as LoadResult;
  }

  async stop(): Promise<void> {
    this.#child.kill();
    await this.#ended;
  }
}
