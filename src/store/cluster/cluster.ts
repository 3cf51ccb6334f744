/**
 * The embedded PostgreSQL: a cluster of our own under DATA_DIR, started and stopped with the service.
 *
 *     stopped ──start()──► starting ──► running ◄──► restarting      (PostgreSQL ended without being asked)
 *        ▲                    │            │              │
 *        └──── stopping ◄─────┴── stop() ──┴──────────────┘
 *
 * Start: find a place (place.ts), claim it (owner.ts), clear away what an earlier life left (eviction.ts), make the
 * cluster if there is none (initialise.ts), spawn (postmaster.ts), wait for an answer (readiness.ts), put roles and
 * database in order (roles.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { diskSpace } from '../../lib/disk-space.js';
import { analystPassword, analystPasswordFile } from './analyst-password.js';
import { endProcesses } from './endings.js';
import { ClusterError, ClusterInUseError, ClusterStoppedError } from './errors.js';
import { evict } from './eviction.js';
import { defaultFallback } from './fallback.js';
import { initialise, superuser, writeAuthentication } from './initialise.js';
import type { Log } from './log.js';
import { claimCluster, ownsCluster, releaseCluster } from './owner.js';
import { choosePlace, type Place } from './place.js';
import { Postmaster, type PostmasterOptions } from './postmaster.js';
import { postgresProcessesIn } from './process-table.js';
import { waitUntilReady, withClient, type Address } from './readiness.js';
import { ensureAnalyst, ensureServiceDatabase, serviceName } from './roles.js';
import { removeSocketDirectory, socketDirectory } from './socket.js';
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

export interface Restart {
  /** How PostgreSQL ended: a signal's name or an exit code. */
  readonly reason: string;
  readonly downMs: number;
}

/** Fits `pg`'s client and pool configuration. */
export type ClusterConnection = Address;

export interface StartedCluster {
  /** As the service's role, to the service's database. */
  readonly connection: ClusterConnection;
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
   * @throws ClusterInUseError when another live service has the data directory; ClusterStoppedError when `stop()`
   * came first; ClusterError with the reason when it cannot run here
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
const firstBackoffMs = 100;
const longestBackoffMs = 10_000;
/** What is left of a killed PostgreSQL may hold its locks for a moment longer than its processes are visible. */
const lockPatienceMs = 15_000;
const heldLock = /lock file|shared memory block/;

/** What stays the same from start to stop, restarts included. */
interface Site {
  readonly place: Place;
  readonly server: PostmasterOptions;
  /** The superuser's, in a database that is always there. */
  readonly address: Address;
}

class EmbeddedCluster implements Cluster {
  readonly #options: ClusterOptions;
  readonly #log: Log;
  readonly #stopDeadlineMs: number;
  #state: ClusterState = 'stopped';
  /** The start that no stop() has followed yet; undefined after it failed. */
  #started: Promise<StartedCluster> | undefined;
  /** Aborted by the stop() that ends #started. */
  #abort = new AbortController();
  /** Starts and stops happen one after another: each waits for this. Never rejects. */
  #previous: Promise<unknown> = Promise.resolve();
  /** Set while the directory is claimed by us and PostgreSQL is up or being restarted. */
  #site: Site | undefined;
  #postmaster: Postmaster | undefined;
  /** Ends when PostgreSQL is not to be restarted any more. */
  #supervision: Promise<unknown> | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#stopDeadlineMs = options.stopDeadlineMs ?? defaultStopDeadlineMs;
  }

  get state(): ClusterState {
    return this.#state;
  }

  start(): Promise<StartedCluster> {
    if (this.#started) return this.#started;
    const abort = new AbortController();
    this.#abort = abort;
    const started = this.#previous.then(() => this.#start(abort.signal));
    this.#started = started;
    this.#previous = started.catch(() => {
      if (this.#started === started) this.#started = undefined;
    });
    return started;
  }

  async stop(): Promise<void> {
    if (this.#started) {
      this.#started = undefined;
      this.#abort.abort();
      const stopped = this.#previous.then(() => this.#stop());
      this.#previous = stopped.catch(() => undefined);
      return stopped;
    }
    await this.#previous;
  }

  async #start(signal: AbortSignal): Promise<StartedCluster> {
    const { dataDir, port } = this.#options;
    failIfStopped(signal);
    this.#state = 'starting';
    let site: Site | undefined;
    try {
      const place = await choosePlace(dataDir, this.#options.fallbackDirectory ?? defaultFallback);
      const { inherited } = await claimCluster(place.directory);
      site = await this.#prepare(place, inherited, signal).catch(async (error: unknown) => {
        await releaseCluster(place.directory);
        throw error;
      });
      this.#postmaster = await this.#launch(site, signal);
      const connection = await this.#ensureDatabase(site);
      this.#site = site;
      this.#supervision = Promise.all([this.#supervise(site, signal), this.#limitWal(site, signal)]);
      this.#state = 'running';
      const notes = [...place.notes];
      if (port > 0) {
        const where = `127.0.0.1:${port} as role "analyst"`;
        notes.push(
          `Analysts can read the database on ${where}; the password is in ${analystPasswordFile(dataDir)}.`,
        );
      }
      return { connection, directory: place.directory, notes };
    } catch (error) {
      try {
        if (site) await this.#leave(site);
      } finally {
        this.#state = 'stopped';
      }
      throw error;
    }
  }

  async #stop(): Promise<void> {
    if (!this.#site) return;
    this.#state = 'stopping';
    try {
      await this.#leave(this.#site);
    } finally {
      this.#state = 'stopped';
    }
  }

  /** Ends PostgreSQL and gives the directory back. */
  async #leave(site: Site): Promise<void> {
    await this.#postmaster?.stop(this.#stopDeadlineMs);
    await this.#supervision;
    // Those of a killed postmaster that was not started again any more.
    await endProcesses(() => postgresProcessesIn(site.place.directory), [undefined, 'SIGQUIT', 'SIGKILL']);
    this.#postmaster = undefined;
    this.#supervision = undefined;
    this.#site = undefined;
    await removeSocketDirectory(site.place, site.server.socketDirectory);
    await releaseCluster(site.place.directory);
  }

  /** Everything before PostgreSQL can be spawned, in a directory that is claimed. */
  async #prepare(place: Place, inherited: boolean, signal: AbortSignal): Promise<Site> {
    const { settings = {}, port } = this.#options;
    await evict(place.directory, inherited, this.#log);
    const made = await initialise(place, settings['fsync'] !== 'off', signal);
    if (made) this.#log.info({ directory: place.directory }, 'made a new PostgreSQL cluster');
    failIfStopped(signal);
    await writeAuthentication(place);
    const server = {
      place,
      socketDirectory: await socketDirectory(place, port || socketPort),
      port: port || socketPort,
      tcp: port > 0,
      settings,
      log: this.#log,
    };
    const address = {
      host: server.socketDirectory,
      port: server.port,
      user: superuser,
      database: 'postgres',
    };
    return { place, server, address };
  }

  /** A PostgreSQL that answers. */
  async #launch(site: Site, signal: AbortSignal): Promise<Postmaster> {
    const deadline = Date.now() + lockPatienceMs;
    for (;;) {
      failIfStopped(signal);
      const postmaster = await Postmaster.spawn(site.server);
      try {
        await waitUntilReady(postmaster, site.address, signal);
        return postmaster;
      } catch (error) {
        await postmaster.stop(0);
        const text = error instanceof Error ? error.message : '';
        if (text.includes('Address already in use')) {
          throw new ClusterError(`EMBEDDED_PORT ${site.server.port} is taken by another program.`, {
            cause: error,
          });
        }
        if (!(error instanceof ClusterError) || !heldLock.test(text) || Date.now() > deadline) throw error;
      }
      await sleep(firstBackoffMs);
      await evict(site.place.directory, true, this.#log);
    }
  }

  async #ensureDatabase({ address }: Site): Promise<ClusterConnection> {
    await withClient(address, ensureServiceDatabase);
    const connection = { ...address, user: serviceName, database: serviceName };
    if (this.#options.port > 0) {
      const password = await analystPassword(this.#options.dataDir);
      await withClient({ ...address, database: serviceName }, (client) => ensureAnalyst(client, password));
    }
    return connection;
  }

  /** Starts PostgreSQL again whenever it ends, until `signal` says that it should. */
  async #supervise(site: Site, signal: AbortSignal): Promise<void> {
    const unwanted = () => signal.aborted;
    let backoffMs = firstBackoffMs;
    while (this.#postmaster) {
      const upSince = Date.now();
      const reason = await this.#postmaster.exited;
      if (unwanted()) return;
      this.#state = 'restarting';
      const downSince = Date.now();
      this.#log.error({ reason }, 'PostgreSQL ended by itself and is started again');
      // One that keeps dying soon after it answered is not started ever faster.
      if (downSince - upSince > longestBackoffMs) backoffMs = firstBackoffMs;
      this.#postmaster = undefined;
      while (!this.#postmaster) {
        await sleep(backoffMs, undefined, { signal }).catch(() => undefined);
        if (unwanted()) return;
        backoffMs = Math.min(backoffMs * 2, longestBackoffMs);
        this.#postmaster = await this.#relaunch(site, signal);
      }
      if (unwanted()) {
        // stop() came too early to see this one.
        await this.#postmaster.stop(this.#stopDeadlineMs);
        return;
      }
      this.#state = 'running';
      const restart = { reason, downMs: Date.now() - downSince };
      this.#log.info(restart, 'PostgreSQL answers again');
      this.#options.onRestart?.(restart);
    }
  }

  #limitWal({ place: { directory }, address }: Site, signal: AbortSignal): Promise<void> {
    const ask = async (): Promise<number> => (await diskSpace(directory))?.freeBytes ?? Infinity;
    const { log, lookEveryMs, freeBytes = ask } = this.#options;
    return limitWal(address, { freeBytes, lookEveryMs, log }, signal);
  }

  async #relaunch(site: Site, signal: AbortSignal): Promise<Postmaster | undefined> {
    const { directory } = site.place;
    try {
      // Evicting from a cluster that somebody took from us would be a fight without end.
      if (!(await ownsCluster(directory)))
        throw new ClusterInUseError(`The cluster in ${directory} has a new owner.`);
      await evict(directory, true, this.#log);
      return await this.#launch(site, signal);
    } catch (error) {
      if (!signal.aborted) this.#log.error({ err: error }, 'PostgreSQL could not be started again');
      return undefined;
    }
  }
}

function failIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw new ClusterStoppedError('stopped before PostgreSQL was started');
}
