import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { type SilenceOptions, SilenceWatch } from './silence.js';
import { fromPgTimestamp } from './timestamps.js';
import { prepareConnection } from './transaction.js';

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
const KEEP_ALIVE_DELAY_MS = 30_000;

/**
 * A pool whose connections read numbers as doubles, times as RFC 3339 text to the microsecond and dates as text: pg's
 * own `Date` cuts microseconds and shifts dates by the zone of the process.
 *
 * A pooler in transaction mode may stand between, so nothing is set or locked for a session: what a statement relies on is set
 * by `begin` (transaction.ts), and only for its transaction.
 * @param onError hears of idle connections that break; the pool replaces them by itself
 */
export function createPool(
  target: ConnectionTarget,
  options: PoolOptions,
  onError: (error: Error) => void,
): pg.Pool {
  const silence = options.statementTimeoutMs === 0 ? new SilenceWatch(target, options.silence) : undefined;
  const pool = new pg.Pool({
    ...target,
    application_name: `call-logger ${options.name}`,
    max: options.max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    // The server ends the statement; the client, a little later, gives up a connection that hangs without an answer.
    query_timeout: options.statementTimeoutMs === 0 ? 0 : options.statementTimeoutMs + 5_000,
    types: { getTypeParser },
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- the pool waits for it; its types do not say so
    onConnect: (client) => prepareConnection(client, options, silence),
  });
  pool.on('error', onError);
  // Of a connection that breaks at work its user hears through the query under way; without a listener of its own the
  // event would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
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
