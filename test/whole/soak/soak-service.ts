import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { settlesWithin } from '../../../src/lib/deadline.js';
import { type RunningService, startService } from '../../helpers/service.js';
import type { Problems } from './problems.js';
import { root } from '../../helpers/program.js';

/** Hold of its clock and of its disk. */
const preloaded = ['clock.mjs', 'disk.mjs'].flatMap((name) => ['--import', `${root}test/whole/soak/${name}`]);

const ENDED_WITHIN_MS = 30_000;

export interface SoakServiceOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly databaseUrl: string;
  /** What Node has to be given to run the service, see programOf. */
  readonly program: readonly string[];
}

/** A service through all its lives. */
export class SoakService {
  #running: RunningService | undefined;
  #url = '';
  #isEnding = false;
  /** From SIGTERM to the end of the process. */
  slowestStopMs = 0;

  constructor(
    private readonly options: SoakServiceOptions,
    private readonly problems: Problems,
  ) {}

  get name(): string {
    return this.options.name;
  }

  get dataDir(): string {
    return this.options.dataDir;
  }

  /** Of its last life, while it has none. */
  get url(): string {
    return this.#url;
  }

  get pid(): number {
    const pid = this.#running?.process.pid;
    if (pid === undefined) throw new Error(`${this.name} does not run`);
    return pid;
  }

  /** @param changes of its environment, for this life */
  async start(changes: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#isEnding = false;
    const running = await this.startAnother(changes);
    this.#running = running;
    this.#url = running.url;
    running.process.once('exit', (code, signal) => {
      if (this.#isEnding) return;
      this.problems.add(
        'ended by itself',
        `${this.name}: ${code ?? signal ?? '?'}\n${running.output().slice(-2000)}`,
      );
    });
  }

  /** A second process on the same directory, or the first. */
  startAnother(changes: Readonly<Record<string, string>> = {}): Promise<RunningService> {
    const { dataDir, databaseUrl, program } = this.options;
    const env = {
      DATA_DIR: dataDir,
      DATABASE_URL: databaseUrl,
      LOG_LEVEL: 'warn',
      BACKUP_KEEP: '2',
      ...changes,
    };
    return startService(env, [...preloaded, ...program]);
  }

  /** From now on its segments are written so, see disk.mjs. */
  async harmDisk(harm: 'failed_sync' | 'torn_write' | 'short_writes'): Promise<void> {
    // A torn write ends it.
    this.#isEnding = harm === 'torn_write';
    await writeFile(this.#harmFile, harm);
  }

  async healDisk(): Promise<void> {
    await rm(this.#harmFile, { force: true });
  }

  /** Waits for an end that comes by itself. */
  async ended(): Promise<void> {
    const ended = this.#running?.ended ?? Promise.resolve();
    if (!(await settlesWithin(ended, ENDED_WITHIN_MS))) this.problems.add('never ended', this.name);
  }

  get #harmFile(): string {
    return join(this.dataDir, 'harm');
  }

  async kill(): Promise<void> {
    this.#isEnding = true;
    await this.#running?.end('SIGKILL');
  }

  /** With SIGTERM. */
  async stop(): Promise<void> {
    this.#isEnding = true;
    const running = this.#running;
    if (running === undefined) return;
    const begunAt = performance.now();
    const code = await running.end('SIGTERM');
    this.slowestStopMs = Math.max(this.slowestStopMs, performance.now() - begunAt);
    if (code !== 0 && code !== 'SIGKILL')
      this.problems.add('bad stop', `${this.name}: ${code ?? '?'}\n${running.output().slice(-2000)}`);
  }

  /** Its clock jumps back by an hour, or forth again. */
  turnClock(): void {
    process.kill(this.pid, 'SIGUSR2');
  }
}
