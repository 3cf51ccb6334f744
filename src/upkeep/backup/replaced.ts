/** What a restore replaces: moved aside in its transaction, compared with what came, and dropped. */
import type pg from 'pg';
import { messageOf } from '../../lib/errors.js';
import type { UtcTime } from '../../lib/time.js';
import { viewName } from '../../store/relations.js';
import { RestoreRefusedError } from './errors.js';

/** Records that were stored and are not in the backup. */
export interface LostRecords {
  readonly count: number;
  /** When the first and the last of them were received; null when there is none. */
  readonly from: UtcTime | null;
  readonly to: UtcTime | null;
}

export type Lost = Readonly<Record<'calls' | 'clicks' | 'results', LostRecords>>;

const ASIDE = 'call_logger_replaced';

const keys = {
  calls: ['call_id'],
  clicks: ['call_id', 'event_id'],
  results: ['call_id', 'event_id'],
} as const;

/**
 * @param found names of ours that are there: `public.calls`
 * @throws RestoreRefusedError when something that is not ours hangs on them
 */
export async function setAside(client: pg.PoolClient, found: readonly string[]): Promise<void> {
  const view = `public.${viewName}`;
  const tables = found.filter((name) => name !== view);
  // A rehearsal: at the end it would come too late.
  await client.query('savepoint rehearsal');
  try {
    if (found.includes(view)) await client.query(`drop view ${view}`);
    if (tables.length > 0) await client.query(`drop table ${tables.join(', ')}`);
  } catch (error) {
    throw new RestoreRefusedError(`what is there cannot be replaced: ${messageOf(error)}${detailOf(error)}`, {
      cause: error,
    });
  }
  await client.query('rollback to rehearsal');
  if (found.includes(view)) await client.query(`drop view ${view}`);
  await client.query(`create schema ${ASIDE}`);
  for (const table of tables) await client.query(`alter table ${table} set schema ${ASIDE}`);
}

/** PostgreSQL names there what hangs on what. */
function detailOf(error: unknown): string {
  return error instanceof Error && 'detail' in error && typeof error.detail === 'string'
    ? ` (${error.detail})`
    : '';
}

/** What of the replaced tables is not in the restored ones. */
export async function lostRows(client: pg.PoolClient): Promise<Lost> {
  return {
    calls: await lostOf(client, 'calls'),
    clicks: await lostOf(client, 'clicks'),
    results: await lostOf(client, 'results'),
  };
}

async function lostOf(client: pg.PoolClient, table: keyof Lost): Promise<LostRecords> {
  const none: LostRecords = { count: 0, from: null, to: null };
  const there = await client.query<{ there: boolean }>('select to_regclass($1) is not null as there', [
    `${ASIDE}.${table}`,
  ]);
  if (there.rows[0]?.there !== true) return none;
  const { rows } = await client.query<LostRecords>(
    `select count(*)::int as count, min(received_at) as from, max(received_at) as to
     from ${ASIDE}.${table} as old
     where not exists (
       select from public.${table} as new where ${keys[table].map((key) => `new.${key} = old.${key}`).join(' and ')}
     )`,
  );
  return rows[0] ?? none;
}

export async function dropReplaced(client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = $1::regnamespace`,
    [ASIDE],
  );
  await client.query(`drop table ${rows.map(({ name }) => name).join(', ')}`);
  await client.query(`drop schema ${ASIDE}`);
}
