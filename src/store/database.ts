import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { type SilenceOptions, SilenceWatch } from './silence.js';
import { fromPgTimestamp } from './timestamps.js';

/** Where PostgreSQL is: a URL, or the parts of an address such as the embedded cluster's socket. */
export type ConnectionTarget = Pick<
  pg.ClientConfig,
  'connectionString' | 'host' | 'port' | 'user' | 'database'
>;

export interface PoolOptions {
  /** Shown in pg_stat_activity. */
  readonly name: string;
  readonly max: number;
  /** 0: none. Then a connection is given up once PostgreSQL says that it owes no answer, see silence.ts. */
  readonly statementTimeoutMs: number;
  /** A query ends soon after its connection was closed, even while it has nothing to tell yet. */
  readonly noticesLeaving?: boolean;
  /** Without a time limit only. */
  readonly silence?: SilenceOptions;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A client that died in a transaction must not hold its locks for longer than this. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;
/** How often PostgreSQL looks whether the other end of the connection is still there. */
const LOOK_EVERY_MS = 1_000;
/**
 * An idle connection whose other end is gone without a word, such as with its machine, is noticed in about a minute on
 * both sides: by the systems' own settings it would keep its locks for two hours. Only TCP needs it.
 */
const KEEP_ALIVE_AFTER_S = 30;
const KEEP_ALIVE_EVERY_S = 10;
const KEEP_ALIVE_TIMES = 3;

/**
 * A pool whose connections read numbers as doubles, times as RFC 3339 text to the microsecond and dates as text: pg's
 * own `Date` cuts microseconds and shifts dates by the zone of the process.
 * @param onError hears of idle connections that break; the pool replaces them by itself
 */
export function createPool(
  target: ConnectionTarget,
  options: PoolOptions,
  onError: (error: Error) => void,
): pg.Pool {
  const applicationName = `call-logger ${options.name}`;
  const silence = options.statementTimeoutMs === 0 ? new SilenceWatch(target, options.silence) : undefined;
  const pool = new pg.Pool({
    ...target,
    application_name: applicationName,
    max: options.max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_S * 1_000,
    // The server ends the statement; the client, a little later, gives up a connection that hangs without an answer.
    query_timeout: options.statementTimeoutMs === 0 ? 0 : options.statementTimeoutMs + 5_000,
    types: { getTypeParser },
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- the pool waits for it; its types do not say so
    onConnect: async (client) => {
      const pid = settle(client, applicationName, options);
      await (silence?.add(client, pid) ?? pid);
    },
  });
  pool.on('error', onError);
  // Of a connection that breaks at work its user hears through the query under way; without a listener of its own the
  // event would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/**
 * What every session relies on, whatever the URL, the role or the database say. Without synchronous commit a committed
 * batch could be lost in a crash of PostgreSQL after its events have left the spool; stricter settings stay. By its
 * name a restore knows a service that is attached (upkeep/backup/target.ts): a name in the URL must not hide it.
 * @returns the pid of the session
 */
async function settle(
  client: pg.ClientBase,
  applicationName: string,
  { statementTimeoutMs, noticesLeaving = false }: PoolOptions,
): Promise<number> {
  const { rows } = await client.query<{ pid: number }>(
    `select
       pg_backend_pid() as pid,
       set_config('datestyle', 'ISO', false),
       set_config('timezone', 'UTC', false),
       set_config('statement_timeout', $1, false),
       set_config('idle_in_transaction_session_timeout', $2, false),
       set_config('application_name', $3, false),
       set_config('tcp_keepalives_idle', $4, false),
       set_config('tcp_keepalives_interval', $5, false),
       set_config('tcp_keepalives_count', $6, false),
       case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', false) end`,
    [
      String(statementTimeoutMs),
      String(IDLE_IN_TRANSACTION_TIMEOUT_MS),
      applicationName,
      String(KEEP_ALIVE_AFTER_S),
      String(KEEP_ALIVE_EVERY_S),
      String(KEEP_ALIVE_TIMES),
    ],
  );
  const [session] = rows;
  if (session === undefined) throw new Error('the session did not tell its pid');
  // Some systems cannot look; there a query ends at its next row, or at its time limit.
  if (noticesLeaving)
    await client
      .query(`select set_config('client_connection_check_interval', $1, false)`, [String(LOOK_EVERY_MS)])
      .catch(() => undefined);
  return session.pid;
}

/** drizzle over a pool or over the one connection of a transaction. */
export function orm(client: pg.Pool | pg.PoolClient): NodePgDatabase {
  return drizzle(client);
}

const { builtins } = pg.types;
const parsers: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [builtins.NUMERIC, Number],
  [builtins.INT8, Number],
  [builtins.TIMESTAMPTZ, fromPgTimestamp],
  [builtins.DATE, (text) => text],
]);

function getTypeParser(oid: Parameters<typeof pg.types.getTypeParser>[0]): (text: string) => unknown {
  return parsers.get(oid) ?? (pg.types.getTypeParser(oid, 'text') as (text: string) => unknown);
}
