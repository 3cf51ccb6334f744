/**
 * Transactions, and what each of them sets for itself. Behind a pooler in transaction mode (PgBouncer, Supabase, Neon) a
 * session belongs to others as soon as a transaction is over: a setting would stay with them, and not with us.
 */
import type pg from 'pg';
import { withConnection } from './connections.js';
import type { SilenceWatch } from './silence.js';

export interface ConnectionOptions {
  /** 0: none. */
  readonly statementTimeoutMs: number;
  /** A query ends soon after its connection was closed, even while it has nothing to tell yet. */
  readonly noticesLeaving?: boolean;
}

/** A client that died in a transaction must not hold its locks for longer than this. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;
/** How often PostgreSQL looks whether the other end of the connection is still there. */
const LOOK_EVERY_MS = 1_000;
const NOTICE_LEAVING: Setting = ['client_connection_check_interval', String(LOOK_EVERY_MS)];
/**
 * A connection whose other end is gone without a word, such as with its machine, is noticed in about a minute: by the
 * system's own settings it would keep its locks for two hours. Only TCP needs it.
 */
const KEEP_ALIVE: readonly Setting[] = [
  ['tcp_keepalives_idle', '30'],
  ['tcp_keepalives_interval', '10'],
  ['tcp_keepalives_count', '3'],
];
/** How values are written, whatever the URL, the role or the database say. */
const FORMATS: readonly Setting[] = [
  ['datestyle', 'ISO'],
  ['timezone', 'UTC'],
];

type Setting = readonly [name: string, value: string];

interface Connection {
  /** Statement that follows `begin`. */
  readonly settings: string;
  readonly silence: SilenceWatch | undefined;
  /** A pooler stands between, so that the next transaction may have another session. */
  readonly isPooled: boolean;
}

const connections = new WeakMap<pg.ClientBase, Connection>();

/** Once for each connection, before it is used. */
export async function prepareConnection(
  client: pg.ClientBase,
  { statementTimeoutMs, noticesLeaving = false }: ConnectionOptions,
  silence: SilenceWatch | undefined,
): Promise<void> {
  silence?.add(client);
  const pid = pidOf([await client.query('select pg_backend_pid() as pid')]);
  silence?.serves(client, pid);
  // A pooler tells a number of its own making.
  const isPooled = !('processID' in client && client.processID === pid);
  const settings: Setting[] = [
    ...FORMATS,
    ...KEEP_ALIVE,
    ['statement_timeout', String(statementTimeoutMs)],
    ['idle_in_transaction_session_timeout', String(IDLE_IN_TRANSACTION_TIMEOUT_MS)],
  ];
  // Some systems cannot look; there a query ends at its next row, or at its time limit.
  if (noticesLeaving && (await isAllowed(client, NOTICE_LEAVING))) settings.push(NOTICE_LEAVING);
  connections.set(client, { settings: statementOf(settings), silence, isPooled });
}

/** Whether a transaction may set this. Tried in one of its own, which is over with the statement. */
async function isAllowed(client: pg.ClientBase, setting: Setting): Promise<boolean> {
  return client.query(`select ${local(setting)}`).then(
    () => true,
    () => false,
  );
}

/**
 * Without synchronous commit a committed batch could be lost in a crash of PostgreSQL after its events have left the
 * spool; stricter settings stay.
 */
const DURABLE = `case when current_setting('synchronous_commit') = 'off' then ${local(['synchronous_commit', 'on'])} end`;

function statementOf(settings: readonly Setting[]): string {
  return `select pg_backend_pid() as pid, ${[...settings.map(local), DURABLE].join(', ')}`;
}

function local([name, value]: Setting): string {
  return `set_config('${name}', '${value}', true)`;
}

/** The characteristics of a transaction that differ from those of an ordinary one. */
export type TransactionMode = '' | 'isolation level repeatable read, read only' | 'read only' | 'read write';

/** Begins a transaction with all that a statement may rely on, in one round trip. */
export async function begin(client: pg.ClientBase, mode: TransactionMode = ''): Promise<void> {
  const { settings, silence } = connections.get(client) ?? UNPREPARED;
  const results: unknown = await client.query(`begin ${mode}; ${settings}`);
  silence?.serves(client, pidOf(results));
}

/** Of a pool that is not ours. */
const UNPREPARED: Connection = { settings: statementOf(FORMATS), silence: undefined, isPooled: true };

export function isPooled(client: pg.ClientBase): boolean {
  return (connections.get(client) ?? UNPREPARED).isPooled;
}

/**
 * A statement that comes again and again: PostgreSQL plans it once for a connection, unless a pooler stands between. It
 * saves half of the time of a small batch.
 */
export function prepared<Row extends pg.QueryResultRow>(
  client: pg.ClientBase,
  name: string,
  text: string,
  values: readonly unknown[],
): Promise<pg.QueryResult<Row>> {
  return client.query<Row>({ ...(!isPooled(client) && { name }), text, values: [...values] });
}

/** pg gives a list of results for several statements, which its types do not say. */
function pidOf(results: unknown): number | undefined {
  const last: unknown = Array.isArray(results) ? results.at(-1) : undefined;
  const rows: unknown = typeof last === 'object' && last !== null && 'rows' in last ? last.rows : undefined;
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
  return typeof row === 'object' && row !== null && 'pid' in row && typeof row.pid === 'number'
    ? row.pid
    : undefined;
}

/**
 * Runs the work in a transaction of its own; anything it throws rolls back.
 * @param signal ends the connection, and with it whatever it is doing
 */
export function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  signal?: AbortSignal,
  mode: TransactionMode = '',
): Promise<T> {
  return withConnection(pool, signal, async (client) => {
    await begin(client, mode);
    const result = await work(client);
    await client.query('commit');
    return result;
  });
}

/** One statement in a transaction of its own. */
export function query<Row extends pg.QueryResultRow>(
  pool: pg.Pool,
  text: string,
  values: readonly unknown[] = [],
  signal?: AbortSignal,
): Promise<pg.QueryResult<Row>> {
  return inTransaction(pool, (client) => client.query<Row>(text, [...values]), signal);
}

/**
 * For a transaction that takes as long as it takes, whatever the role or the database say. A later PostgreSQL has one
 * limit more.
 */
export const NO_TIME_LIMITS = `do $$ begin
  perform set_config(name, '0', true) from pg_settings
  where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout');
end $$`;
