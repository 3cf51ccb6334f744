import { and, desc, type InferSelectViewModel, type SQL, sql } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type pg from 'pg';
import type { UtcTime } from '../../lib/time.js';
import { orm } from '../database.js';
import { arbitrageCalls } from '../schema/index.js';
import { inTransaction } from '../transaction.js';
import { asParameter, type CallFilters, conditionsOf } from './filters.js';

export type ViewRow = InferSelectViewModel<typeof arbitrageCalls>;

/** A place in the list of calls: the next page begins behind it. */
export interface CallPosition {
  readonly sent_at: UtcTime;
  readonly call_id: string;
}

export interface CallsQuestion {
  readonly filters: CallFilters;
  readonly limit: number;
  /** Undefined: from the newest on. */
  readonly after?: CallPosition | undefined;
}

/**
 * Calls, newest `sent_at` first, at equal times the greater `call_id` first.
 * @param signal ends the query when nobody waits for it any more
 */
export async function readCalls(
  pool: pg.Pool,
  question: CallsQuestion,
  signal?: AbortSignal,
): Promise<ViewRow[]> {
  return inTransaction(pool, async (client) => selectCalls(orm(client), question), signal, 'read only');
}

/**
 * The list has a total order that no later event changes, and a page is told by the position it begins behind: rows
 * that arrive in between neither repeat a call nor hide one.
 */
export function selectCalls(db: NodePgDatabase, { filters, limit, after }: CallsQuestion) {
  const conditions = conditionsOf(filters, asParameter);
  if (after !== undefined) conditions.push(behind(after));
  return db
    .select()
    .from(arbitrageCalls)
    .where(and(...conditions))
    .orderBy(desc(arbitrageCalls.sent_at), desc(arbitrageCalls.call_id))
    .limit(limit);
}

/** Not `(sent_at, call_id) < (…, …)`: its first half alone is what an index that ends in sent_at can begin at. */
function behind({ sent_at, call_id }: CallPosition): SQL {
  const time = asParameter(sent_at, 'timestamptz');
  const id = asParameter(call_id, 'text');
  const c = arbitrageCalls;
  return sql`${c.sent_at} <= ${time} and (${c.sent_at} < ${time} or ${c.call_id} < ${id})`;
}
