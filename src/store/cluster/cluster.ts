/**
 * The embedded PostgreSQL: a cluster of our own under DATA_DIR, started and stopped with the service.
 *
 *     stopped ──start()──► starting ──► running ◄──► restarting      (PostgreSQL ended without being asked)
 *        ▲                    │            │              │
 *        └──── stopping ◄─────┴── stop() ──┴──────────────┘
 *
 * Start: resolve the data directory (data-directory.ts) and the programs (installation.ts), lock it
 * (lib/directory-lock.ts), stop orphans (orphans.ts), make the cluster if there is none (initdb.ts), start PostgreSQL
 * (launch.ts), put roles and database in order (roles.ts), restart it whenever it ends (supervise.ts).
 */
import path from 'node:path';
import { type DirectoryLock, lockDirectory } from '../../lib/directory-lock.js';
import { diskSpace } from '../../lib/disk-space.js';
import { type DataDirectory, defaultFallback, resolveDataDirectory } from './data-directory.js';
import { ClusterStoppedError } from './errors.js';
import { initialise } from './initdb.js';
import { type Installation, installationFor } from './installation.js';
import { launch, superuserAddress } from './launch.js';
import { stopOrphans } from './orphans.js';
import type { Postmaster, ServerOptions } from './postmaster.js';
import { postgresProcessesIn, terminate } from './processes.js';
import {
  analystPassword,
  analystPasswordFile,
  ensureAnalyst,
  ensureServiceDatabase,
  serviceName,
  writeAuthentication,
} from './roles.js';
import type { Log } from './server-log.js';
import { type Address, removeSocketDirectory, socketDirectory, withClient } from './socket.js';
import { type Restart, supervise } from './supervise.js';
import { limitWal } from './wal-limit.js';

export interface ClusterOptions {
  /** DATA_DIR/postgres. */
  readonly dataDir: string;
  /** A TCP port on loopback for analysts; 0 = Unix socket only. */
  readonly port: number;
  readonly log: Log;
  /** PostgreSQL settings that override all others. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How long a fast stop may take before an immediate one. */
  readonly stopDeadlineMs?: number;
  /** Called after PostgreSQL had ended without being asked and answers again. Connections of before are broken. */
  readonly onRestart?: (restart: Restart) => void;
  /** Instead of asking the disk. */
  readonly freeBytes?: () => Promise<number>;
  /** How often the room on the disk is looked at. */
  readonly lookEveryMs?: number;
  /** Where the cluster goes when the service runs as root and PostgreSQL's account cannot reach `dataDir`. */
  readonly fallbackDirectory?: string;
}

export interface StartedCluster {
  /** As the service's role, to the service's database. */
  readonly connection: Address;
  /** Where the data really lies. */
  readonly directory: string;
  /** What an operator would not expect, in whole sentences. */
  readonly notes: readonly string[];
}

export type ClusterState = 'stopped' | 'starting' | 'running' | 'restarting' | 'stopping';

export interface Cluster {
  /**
   * Resolves when PostgreSQL answers and the service's database is there. While it starts or runs, a further call
   * gets the same promise. After a failure it can be called again.
   * @throws DirectoryInUseError when another process has the data directory; ClusterStoppedError when `stop()` came
   * first; ClusterError with the reason when it cannot run here
   */
  start(): Promise<StartedCluster>;
  /** Resolves when no process is left. May be called at any time, any number of times. */
  stop(): Promise<void>;
  readonly state: ClusterState;
}

export function createCluster(options: ClusterOptions): Cluster {
  return new EmbeddedCluster(options);
}

const defaultStopDeadlineMs = 10_000;
/** Names the socket file when there is no TCP port. */
const socketPort = 5432;

class EmbeddedCluster implements Cluster {
  readonly #options: ClusterOptions;
  #state: ClusterState = 'stopped';
  /** The start that no stop() has followed yet; undefined after it failed. */
  #started: Promise<StartedCluster> | undefined;
  /** Aborted by the stop() that ends #started, or by its failure. */
  #abort = new AbortController();
  /** Starts and stops happen one after another: each waits for this. Never rejects. */
  #previous: Promise<unknown> = Promise.resolve();
  /** What a start has taken so far and #leave gives back. */
  #lock: DirectoryLock | undefined;
  #server: ServerOptions | undefined;
  #supervision: Promise<unknown> | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  get state(): ClusterState {
    return this.#state;
  }

  start(): Promise<StartedCluster> {
    if (this.#started) return this.#started;
    const abort = new AbortController();
    this.#abort = abort;
    const started = this.#previous.then(() => this.#start(abort));
    this.#started = started;
    this.#previous = started.catch(() => {
      if (this.#started === started) this.#started = undefined;
    });
    return started;
  }

  async stop(): Promise<void> {
    if (this.#started) {
      this.#started = undefined;
      this.#abort.abort(new ClusterStoppedError('stopped before PostgreSQL was started'));
      const stopped = this.#previous.then(() => this.#leave());
      this.#previous = stopped.catch(() => undefined);
      return stopped;
    }
    await this.#previous;
  }

  async #start(abort: AbortController): Promise<StartedCluster> {
    const { dataDir, fallbackDirectory = defaultFallback, port } = this.#options;
    const { signal } = abort;
    signal.throwIfAborted();
    this.#state = 'starting';
    try {
      const data = await resolveDataDirectory(dataDir, fallbackDirectory);
      const programs = await installationFor(data.account, fallbackDirectory);
      // The directory above, as the cluster itself may not be there yet.
      const lock = await lockDirectory(path.dirname(data.path));
      this.#lock = lock;
      const server = await this.#prepare(data, programs.installation, lock.inherited, signal);
      this.#server = server;
      this.#supervise(await launch(server, lock.inherited, signal), server, signal);
      const connection = await this.#ensureDatabase(superuserAddress(server));
      this.#state = 'running';
      const notes = [...data.notes, ...programs.notes];
      if (port > 0) {
        const where = `127.0.0.1:${port} as role "analyst"`;
        notes.push(
          `Analysts can read the database on ${where}; the password is in ${analystPasswordFile(dataDir)}.`,
        );
      }
      return { connection, directory: data.path, notes };
    } catch (error) {
      // Without effect after a stop(), whose reason it is then.
      abort.abort(error);
      await this.#leave();
      signal.throwIfAborted();
      throw error;
    }
  }

  /** Everything before PostgreSQL can be started, in a directory that is locked. */
  async #prepare(
    data: DataDirectory,
    { postgres, initdb }: Installation,
    inherited: boolean,
    signal: AbortSignal,
  ): Promise<ServerOptions> {
    const { log, settings = {} } = this.#options;
    await stopOrphans(data.path, inherited, log);
    const made = await initialise(data, initdb, settings['fsync'] !== 'off', signal);
    if (made) log.info({ directory: data.path }, 'initialised a new PostgreSQL cluster');
    await writeAuthentication(data);
    const tcp = this.#options.port > 0;
    const port = tcp ? this.#options.port : socketPort;
    return {
      data,
      postgres,
      socketDirectory: await socketDirectory(data, port),
      port,
      tcp,
      settings,
      log,
    };
  }

  async #ensureDatabase(address: Address): Promise<Address> {
    await withClient(address, ensureServiceDatabase);
    if (this.#options.port > 0) {
      const password = await analystPassword(this.#options.dataDir);
      await withClient({ ...address, database: serviceName }, (client) => ensureAnalyst(client, password));
    }
    return { ...address, user: serviceName, database: serviceName };
  }

  #supervise(postmaster: Postmaster, server: ServerOptions, signal: AbortSignal): void {
    const supervision = supervise(postmaster, server, {
      onExit: () => (this.#state = 'restarting'),
      onRestart: (restart) => {
        this.#state = 'running';
        this.#options.onRestart?.(restart);
      },
      stopDeadlineMs: this.#options.stopDeadlineMs ?? defaultStopDeadlineMs,
      signal,
    });
    this.#supervision = Promise.all([supervision, this.#limitWal(server, signal)]);
  }

  #limitWal(server: ServerOptions, signal: AbortSignal): Promise<void> {
    const ask = async (): Promise<number> => (await diskSpace(server.data.path))?.freeBytes ?? Infinity;
    const { log, lookEveryMs, freeBytes = ask } = this.#options;
    return limitWal(superuserAddress(server), { freeBytes, lookEveryMs, log }, signal);
  }

  /** Ends PostgreSQL and gives the directory back, after an abort; not while a process is left there. */
  async #leave(): Promise<void> {
    this.#state = 'stopping';
    try {
      await this.#supervision;
      if (this.#server) {
        const { data, socketDirectory } = this.#server;
        // Those of a killed postmaster that was not restarted.
        await terminate(() => postgresProcessesIn(data.path), [undefined, 'SIGQUIT', 'SIGKILL']);
        await removeSocketDirectory(data, socketDirectory);
      }
      await this.#lock?.release();
      this.#lock = this.#server = this.#supervision = undefined;
    } finally {
      this.#state = 'stopped';
    }
  }
}
