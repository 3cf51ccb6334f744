import { setTimeout as sleep } from 'node:timers/promises';
import { settlesWithin } from '../../lib/deadline.js';
import type { DataDirectory } from './data-directory.js';
import { postgresProcessesIn, terminate } from './processes.js';
import { type Program, startProgram } from './programs.js';
import { type Log, ServerLog } from './server-log.js';

export interface ServerOptions {
  readonly data: DataDirectory;
  /** The program. */
  readonly postgres: string;
  readonly socketDirectory: string;
  /** Names the socket, and is the TCP port when `tcp` is set. */
  readonly port: number;
  readonly tcp: boolean;
  /** Override everything else. */
  readonly settings: Readonly<Record<string, string>>;
  readonly log: Log;
}

/** An immediate stop saves nothing, so there is nothing to wait for. */
const quitDeadlineMs = 2_000;
/** For lines that are still in the pipe when the process is gone. */
const stragglerMs = 500;

/** One running PostgreSQL, from spawn to exit. */
export class Postmaster {
  /** Resolves with the reason as soon as the process is gone, also when it never started. */
  readonly exited: Promise<string>;
  readonly #child: Program;
  readonly #serverLog: ServerLog;
  readonly #directory: string;
  readonly #closed: Promise<unknown>;
  #gone = false;

  private constructor(child: Program, directory: string, log: Log) {
    this.#child = child;
    this.#directory = directory;
    this.#serverLog = new ServerLog(child.stderr, log);
    this.exited = new Promise((resolve) => {
      child.once('error', (error) => {
        resolve(error.message);
      });
      // Not 'close': processes that outlive a killed postmaster keep its stderr open.
      child.once('exit', (code, signal) => {
        resolve(signal ?? `exit code ${code ?? 'unknown'}`);
      });
    });
    this.#closed = new Promise((resolve) => child.once('close', resolve));
    // A process that ends without stopping us first would leave an orphan where the kernel does not take care of it.
    const atExit = () => child.kill('SIGINT');
    process.once('exit', atExit);
    void this.exited.then(() => {
      this.#gone = true;
      process.off('exit', atExit);
    });
  }

  static async spawn(options: ServerOptions): Promise<Postmaster> {
    const { data, postgres } = options;
    const settings = Object.entries({ ...ownSettings(options), ...options.settings });
    const args = ['-D', data.path, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    const child = await startProgram(data.account, 'INT', postgres, args);
    return new Postmaster(child, data.path, options.log);
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** The last lines it wrote; to be asked when it is gone. */
  async lastWords(): Promise<string> {
    await Promise.race([this.#closed, sleep(stragglerMs)]);
    return this.#serverLog.tail;
  }

  /**
   * A fast stop (open transactions are rolled back), an immediate one after `deadlineMs`, and at last a kill.
   * Resolves when the process and all of its children are gone.
   */
  async stop(deadlineMs: number): Promise<void> {
    this.#child.kill('SIGINT');
    if (!(await settlesWithin(this.exited, deadlineMs))) this.#child.kill('SIGQUIT');
    const quit = await settlesWithin(this.exited, quitDeadlineMs);
    if (!quit) this.#child.kill('SIGKILL');
    await this.exited;
    // Without their postmaster the others end by themselves, unless they are stuck.
    await terminate(() => postgresProcessesIn(this.#directory), quit ? [undefined, 'SIGKILL'] : ['SIGKILL']);
  }
}

/** What must be so for the rest of this folder to be right, whatever postgresql.conf says. */
function ownSettings({ socketDirectory, port, tcp }: ServerOptions): Record<string, string> {
  return {
    listen_addresses: tcp ? '127.0.0.1' : '',
    port: String(port),
    // A list: a name with a comma or a space in it has to be quoted.
    unix_socket_directories: `"${socketDirectory.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    logging_collector: 'off',
    log_destination: 'stderr',
    log_line_prefix: '',
    log_checkpoints: 'off',
    log_min_messages: 'warning',
    // Neither statements nor row contents in the log: they are our users' data.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
  };
}
