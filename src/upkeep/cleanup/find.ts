/** What is older than the cutoff. None of these statements locks anything. */
import type pg from 'pg';
import type { UtcTime } from '../../lib/time.js';
import type { Deleted } from './remove.js';

/** Clicks and results in one transaction, unless one call alone has more. */
const MAX_EVENTS = 10_000;
/** Calls that one statement looks through for orphans. */
const MAX_LOOKED_AT = 5_000;

interface Expired {
  readonly call_id: string;
  /** How many clicks and results it has. */
  readonly events: number;
}

/**
 * Calls sent before the cutoff, oldest first, in batches. Each is looked at once: a call that comes back while this goes
 * on is for the next run.
 */
export async function* expiredCalls(
  pool: pg.Pool,
  cutoff: UtcTime,
  maxCalls: number,
): AsyncGenerator<string[], void> {
  let after: { sent_at: string; call_id: string } | undefined = { sent_at: '-infinity', call_id: '' };
  while (after !== undefined) {
    const { rows }: pg.QueryResult<Expired & { sent_at: UtcTime }> = await pool.query(
      `select call_id, sent_at,
         coalesce((select clicks from call_states where call_states.call_id = calls.call_id), 0)
         + (select count(*) from results where results.call_id = calls.call_id) as events
       from calls
       where sent_at < $1 and sent_at >= $2 and (sent_at, call_id) > ($2, $3)
       order by sent_at, call_id
       limit $4`,
      [cutoff, after.sent_at, after.call_id, maxCalls],
    );
    yield* batchesOf(rows, maxCalls);
    after = rows.at(-1);
  }
}

/**
 * Calls that are not stored and have clicks or results received before the cutoff, in batches.
 *
 * Every click and result has a row of state under its call_id, so orphans are the states without a call: found by
 * walking the primary keys of both tables side by side, a page at a time.
 */
export async function* expiredOrphans(
  pool: pg.Pool,
  cutoff: UtcTime,
  maxCalls: number,
  signal: AbortSignal,
): AsyncGenerator<string[], void> {
  let after: string | null = '';
  while (after !== null && !signal.aborted) {
    const { rows }: pg.QueryResult<{ through: string | null; orphans: Expired[] }> = await pool.query(
      `with page as materialized (
         select call_id from call_states where call_id > $2 order by call_id limit $3
       ),
       lonely as materialized (
         select call_id from page where not exists (select from calls where calls.call_id = page.call_id)
       ),
       orphans as (
         select call_id,
           (select count(*) from clicks where clicks.call_id = lonely.call_id)
           + (select count(*) from results where results.call_id = lonely.call_id) as events
         from lonely
         where exists (select from clicks where clicks.call_id = lonely.call_id and received_at < $1)
           or exists (select from results where results.call_id = lonely.call_id and received_at < $1)
       )
       select
         (select max(call_id) from page) as through,
         coalesce((select json_agg(orphans order by call_id) from orphans), '[]') as orphans`,
      [cutoff, after, MAX_LOOKED_AT],
    );
    yield* batchesOf(rows[0]?.orphans ?? [], maxCalls);
    after = rows[0]?.through ?? null;
  }
}

/** Cuts by calls and by events. */
function* batchesOf(expired: readonly Expired[], maxCalls: number): Generator<string[], void> {
  let batch: string[] = [];
  let events = 0;
  for (const call of expired) {
    if (batch.length > 0 && (batch.length >= maxCalls || events + call.events > MAX_EVENTS)) {
      yield batch;
      [batch, events] = [[], 0];
    }
    batch.push(call.call_id);
    events += call.events;
  }
  if (batch.length > 0) yield batch;
}

/** How much the two above would lead to, in one snapshot. */
export async function countExpired(pool: pg.Pool, cutoff: UtcTime): Promise<Deleted> {
  const eventsOf = (table: 'clicks' | 'results'): string => `
    (select count(*) from expired join ${table} using (call_id))
    + (select count(*) from lonely join ${table} using (call_id) where received_at < $1)`;
  const { rows } = await pool.query<Deleted>(
    `with expired as (
       select call_id from calls where sent_at < $1
     ),
     lonely as (
       select call_id from call_states
       where not exists (select from calls where calls.call_id = call_states.call_id)
     )
     select (select count(*) from expired) as calls,
       ${eventsOf('clicks')} as clicks,
       ${eventsOf('results')} as results`,
    [cutoff],
  );
  if (rows[0] === undefined) throw new Error('a count gave no row');
  return rows[0];
}
