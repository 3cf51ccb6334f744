import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { messageOf } from './lib/errors.js';
import { buildApp } from './app.js';
import { readPythonSender } from './clients/python-sender.js';
import type { Config } from './config/config.js';
import { version } from './config/version.js';
import { Drain } from './drain/drain.js';
import type { Intake, StatusSource } from './http/deps.js';
import { ThreadedJudging } from './http/judging/threaded-judging.js';
import { settlesWithin } from './lib/deadline.js';
import { Deferred } from './lib/deferred.js';
import { type DiskSpace, diskSpace } from './lib/disk-space.js';
import { Undo } from './lib/undo.js';
import type { Logger } from './observe/logger.js';
import { type Facts, Metrics } from './observe/metrics.js';
import { openSpool } from './spool/spool.js';
import type { Spool } from './spool/types.js';
import { createCluster } from './store/cluster/cluster.js';
import type { ConnectionTarget } from './store/database.js';
import { inWords } from './store/errors.js';
import { Store } from './store/store.js';
import { Upkeep } from './upkeep/upkeep.js';

export interface Service {
  /** Resolves when the database cannot be used as it is: an operator has to act, and it is of no use to go on. */
  readonly unusable: Promise<Error>;
  /** The door; it takes events from the moment it listens. */
  readonly app: FastifyInstance;
  /** Door, upkeep, drain, spool, pools, cluster: in this order, within SHUTDOWN_GRACE_MS. Later calls get the same promise. */
  stop(): Promise<void>;
}

/**
 * Builds the house so that what is built later uses what was built before, and taking it down in reverse is the right
 * order. The spool is open when this resolves; PostgreSQL, the schema and the drain come up beside it and retry.
 * @param tell hears what an operator should see at start-up, in whole sentences
 * @throws DirectoryInUseError when another service has the data directory, and what opening the spool throws
 */
export async function openService(
  config: Config,
  log: Logger,
  tell: (note: string) => void,
): Promise<Service> {
  const undo = new Undo((step, error) => {
    if (error === undefined) log.debug({ step }, 'stopped a part');
    else log.error({ step, err: error }, 'a part failed to stop');
  });
  const stop = (): Promise<void> => undo.run(config.shutdownGraceMs);
  const metrics = new Metrics(version, sendersOf(config));
  try {
    const outside = targetOf(config.databaseUrl);
    const locate = outside === undefined ? embedded(config, log, undo, tell) : async () => outside;

    const direct = targetOf(config.directDatabaseUrl);
    const store = new Store({
      locate,
      migrateAt: direct,
      drainConnections: Math.max(config.drainConcurrency, 1) + 1,
      log,
    });
    undo.push('store', (withinMs) => store.stop(withinMs));

    // Open to be passed through, so that PostgreSQL's account can reach its own directory inside; those inside are private.
    await makeDataDirectory(config.dataDir);
    const spoolDirectory = join(config.dataDir, 'spool');
    const spool = await openSpool({
      directory: spoolDirectory,
      maxBytes: config.spoolMaxBytes,
      diskReserveBytes: config.diskReserveBytes,
      onFault: ({ kind, message, error }) => {
        log.warn({ spool_fault: kind, err: error }, message);
        metrics.spool.faulted(kind);
      },
      onCommit: metrics.spool.committed,
    });
    undo.push('spool', () => spool.close());

    const drainOptions = { ...config, concurrency: config.drainConcurrency, observer: metrics.drain };
    const drain = new Drain(spool, drainOptions, log);
    undo.push('drain', (withinMs) => drain.stop(withinMs));

    const upkeep = new Upkeep({
      ...config,
      backupDirectory: join(config.dataDir, 'backups'),
      serviceVersion: version,
      append: (records) => spool.append(records),
      log,
    });
    // Half of what is left: a run that does not end is not to cost the drain its time.
    undo.push('upkeep', (withinMs) => upkeep.stop(withinMs / 2));

    const judging = new ThreadedJudging((error) => {
      log.error({ err: error }, 'the thread that judges events ended and is started anew');
    });
    undo.push('judging', async () => {
      judging.close();
    });

    const disk = () => diskSpace(spoolDirectory);
    const status = statusOf(config, spool, drain, store, upkeep, disk);
    const facts = (): Facts => factsOf(config, spool, drain, store, upkeep, status.readiness().ready);
    const app = buildApp({
      logger: log,
      version,
      keys: config.keys,
      allowedHosts: config.allowedHosts,
      judging,
      intake: intakeOf(spool, drain),
      calls: store,
      statistics: store,
      exports: store,
      status,
      observer: metrics.door,
      metrics: { contentType: metrics.contentType, text: () => metrics.text({ facts, disk }) },
      upkeep,
      pythonSender: readPythonSender(version),
    });
    undo.push('door', async (withinMs) => {
      drain.dismiss();
      upkeep.dismiss();
      // Half of what is left: the other half is for the drain to finish what it has in hand.
      if (!(await settlesWithin(app.close(), withinMs / 2))) app.server.closeAllConnections();
    });

    const unusable = new Deferred<Error>();
    store.start({
      ready: ({ drainPool, upkeepPool, target, isPooled }) => {
        if (isPooled && direct === undefined && config.verifyDatabaseUrl === undefined) tell(POOLED);
        drain.start(drainPool);
        upkeep.start(upkeepPool, direct ?? target);
      },
      unusable: unusable.resolve,
    });
    return { app, stop, unusable: unusable.promise };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeDataDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o711 });
    await access(directory, constants.W_OK);
  } catch (error) {
    const reason = messageOf(error);
    throw new Error(`DATA_DIR=${directory} cannot be used: ${reason}`, { cause: error });
  }
}

const POOLED =
  'DATABASE_URL leads through a connection pooler. All works through it but one thing: to prove a backup a database is made ' +
  'for it, and a pooler may not let through to that. Set DIRECT_DATABASE_URL to the address of the server itself, or ' +
  'VERIFY_DATABASE_URL to an empty database.';

function targetOf(url: string | undefined): ConnectionTarget | undefined {
  return url === undefined ? undefined : { connectionString: url };
}

function embedded(
  config: Config,
  log: Logger,
  undo: Undo,
  tell: (note: string) => void,
): () => Promise<ConnectionTarget> {
  const cluster = createCluster({
    dataDir: join(config.dataDir, 'postgres'),
    port: config.embeddedPort,
    log,
    onRestart: (restart) => {
      log.warn(restart, 'PostgreSQL restarted');
    },
  });
  undo.push('cluster', () => cluster.stop());
  return async () => {
    const { connection, notes } = await cluster.start();
    notes.forEach(tell);
    return connection;
  };
}

function intakeOf(spool: Spool, drain: Drain): Intake {
  return {
    append: (records) => spool.append(records),
    appendWatched: async (records, withinMs) => {
      const { first, count } = await spool.append(records);
      return { outcomes: drain.outcomes(first, count, withinMs) };
    },
    flush: (timeoutMs) => drain.flush(timeoutMs),
  };
}

function statusOf(
  config: Config,
  spool: Spool,
  drain: Drain,
  store: Store,
  upkeep: Upkeep,
  disk: () => Promise<DiskSpace | null>,
): StatusSource {
  return {
    status: async () => {
      const space = await disk();
      // From here on nothing else gets its turn until every number is taken, so that the account balances.
      const { id, accepted, spooled, bytes, limitBytes, oldestAgeS, state, ...last } = spool.stats();
      const { totals, lastFailure } = drain;
      return {
        spool: {
          id,
          state,
          events: spooled,
          bytes,
          oldest_age_s: oldestAgeS,
          limit_bytes: limitBytes,
          last_error: last.lastError,
          last_error_at: timeOf(last.lastErrorAtMs),
        },
        drain: {
          state: drain.state,
          last_error: lastFailure === null ? null : inWords(lastFailure),
          last_error_at: timeOf(lastFailure?.at ?? null),
        },
        counts: {
          accepted,
          stored: totals?.stored ?? null,
          duplicate: totals?.duplicate ?? null,
          dead_letter: totals?.deadLetter ?? null,
          spooled,
        },
        disk_free_bytes: space?.freeBytes ?? null,
        disk_reserve_bytes: config.diskReserveBytes,
        store: {
          state: store.state,
          embedded: config.databaseUrl === undefined,
          server_version: store.serverVersion,
          last_error: store.lastError,
        },
        schedule: upkeep.schedule(),
      };
    },
    readiness: () => {
      const { state } = spool.stats();
      return {
        ready: state === 'open',
        checks: { spool: state, store: store.state, drain: drain.state },
      };
    },
  };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function sendersOf({ keys }: Config): string[] {
  return keys.length === 0 ? [''] : keys.filter(({ scope }) => scope === 'ingest').map(({ name }) => name);
}

function factsOf(
  config: Config,
  spool: Spool,
  drain: Drain,
  store: Store,
  { overview }: Upkeep,
  ready: boolean,
): Facts {
  return {
    ready,
    spool: spool.stats(),
    drain,
    store,
    upkeep: overview,
    backupIntervalDays: config.backupIntervalDays,
    diskReserveBytes: config.diskReserveBytes,
  };
}
