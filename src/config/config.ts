import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigReader } from './reader.js';
import { parseKeys, type Scope, scopes, type SenderKey } from './keys.js';

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export interface Config {
  readonly host: string;
  readonly port: number;
  readonly logLevel: (typeof logLevels)[number];
  /** Absolute path; `postgres/`, `spool/` and `backups/` live inside. */
  readonly dataDir: string;
  /** Undefined: embedded PostgreSQL under `dataDir`. */
  readonly databaseUrl: string | undefined;
  /** Of the server that `databaseUrl` leads to through a pooler, where something needs the server itself. */
  readonly directDatabaseUrl: string | undefined;
  /** 0: the embedded cluster answers on its Unix socket only. */
  readonly embeddedPort: number;
  readonly spoolMaxBytes: number;
  /** So much of the spool's disk stays free: for an embedded PostgreSQL, which needs it to store what the spool holds. */
  readonly diskReserveBytes: number;
  readonly batchMaxEvents: number;
  readonly batchMaxWaitMs: number;
  /** 0: the drain is paused, events stay on the spool. */
  readonly drainConcurrency: number;
  /** 0: calls are kept for ever. */
  readonly retentionDays: number;
  /** When the daily cleanup runs: five fields, UTC. */
  readonly cleanupCron: string;
  /** 0: dead letters are kept for ever. */
  readonly deadLetterRetentionDays: number;
  /** From one good backup to the next; 0: none are made by themselves. */
  readonly backupIntervalDays: number;
  /** So many of the newest complete backups are kept. */
  readonly backupKeep: number;
  /** An empty database in which backups are restored on trial, where the role may not create databases. */
  readonly verifyDatabaseUrl: string | undefined;
  readonly keys: readonly SenderKey[];
  /** Beside those of loopback, the hosts that are answered without keys: in lower case, without ports. */
  readonly allowedHosts: readonly string[];
  readonly shutdownGraceMs: number;
}

/** Thrown by `readConfig`: the message lists everything that is wrong, one line each, without any secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly string[]) {
    super(
      `the configuration has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
  }
}

const MIB = 1024 * 1024;
const keyVariables: Record<Scope, string> = { ingest: 'INGEST_KEYS', read: 'READ_KEYS', admin: 'ADMIN_KEYS' };

/**
 * Reads and validates the whole configuration at once; an empty variable counts as unset.
 * @throws ConfigError naming every bad variable
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const read = new ConfigReader(env);
  const host = read.text('HOST', '127.0.0.1');
  const databaseUrl = read.postgresUrl('DATABASE_URL');
  const diskReserve = databaseUrl === undefined ? 256 * MIB : 16 * MIB;
  const config: Config = {
    host,
    port: read.integer('PORT', 3000, 0, 65_535),
    logLevel: read.choice('LOG_LEVEL', 'info', logLevels),
    dataDir: resolve(read.text('DATA_DIR', './data')),
    databaseUrl,
    directDatabaseUrl: read.postgresUrl('DIRECT_DATABASE_URL'),
    embeddedPort: read.integer('EMBEDDED_PORT', 0, 0, 65_535),
    spoolMaxBytes: read.integer('SPOOL_MAX_BYTES', 1024 * MIB, MIB, Number.MAX_SAFE_INTEGER),
    diskReserveBytes: read.integer('DISK_RESERVE_BYTES', diskReserve, 0, Number.MAX_SAFE_INTEGER),
    batchMaxEvents: read.integer('BATCH_MAX_EVENTS', 2_000, 1, 10_000),
    batchMaxWaitMs: read.integer('BATCH_MAX_WAIT_MS', 20, 0, 60_000),
    drainConcurrency: read.integer('DRAIN_CONCURRENCY', 2, 0, 32),
    retentionDays: read.integer('RETENTION_DAYS', 365, 0, 36_500),
    cleanupCron: read.cron('CLEANUP_CRON', '0 4 * * *'),
    deadLetterRetentionDays: read.integer('DEAD_LETTER_RETENTION_DAYS', 90, 0, 36_500),
    backupIntervalDays: read.integer('BACKUP_INTERVAL_DAYS', 14, 0, 36_500),
    backupKeep: read.integer('BACKUP_KEEP', 6, 1, 10_000),
    verifyDatabaseUrl: read.postgresUrl('VERIFY_DATABASE_URL'),
    keys: readKeys(read),
    allowedHosts: read.hosts('ALLOWED_HOSTS'),
    shutdownGraceMs: read.integer('SHUTDOWN_GRACE_MS', 10_000, 0, 600_000),
  };
  if (config.keys.length === 0 && !isLoopback(host)) {
    read.problem(
      `HOST=${host} is open to other machines, but no keys are set: set INGEST_KEYS, READ_KEYS and ADMIN_KEYS ` +
        '(name:secret, secrets of 16 characters and more), or keep HOST on loopback (127.0.0.1, ::1, localhost)',
    );
  }
  if (config.directDatabaseUrl !== undefined && config.databaseUrl === undefined) {
    read.problem('DIRECT_DATABASE_URL goes with DATABASE_URL, which is not set');
  }
  if (config.verifyDatabaseUrl !== undefined && config.verifyDatabaseUrl === config.databaseUrl) {
    read.problem('VERIFY_DATABASE_URL is DATABASE_URL: verification needs an empty database of its own');
  }
  if (read.problems.length > 0) throw new ConfigError(read.problems);
  return config;
}

function readKeys(read: ConfigReader): SenderKey[] {
  const keys: SenderKey[] = [];
  for (const scope of scopes) {
    const variable = keyVariables[scope];
    const text = read.secret(variable, (path) => readFileSync(path, 'utf8'));
    if (text !== undefined)
      keys.push(
        ...parseKeys(variable, scope, text, (p) => {
          read.problem(p);
        }),
      );
  }
  const seen = new Map<string, string>();
  for (const { name, secret } of keys) {
    const other = seen.get(secret);
    if (other !== undefined) read.problem(`keys "${other}" and "${name}" have the same secret`);
    seen.set(secret, name);
  }
  return keys;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
