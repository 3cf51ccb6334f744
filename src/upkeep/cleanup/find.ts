/** What is older than the cutoff. None of these statements locks anything. */
import type pg from 'pg';
import type { UtcTime } from '../../lib/time.js';
import { query } from '../../store/transaction.js';
import type { Paced } from './pace.js';
import type { Deleted } from './remove.js';

/** Clicks and results in one transaction, unless one call alone has more. */
const MAX_EVENTS = 10_000;
/** Calls that one statement looks through for orphans. */
const MAX_LOOKED_AT = 5_000;

export interface Search {
  readonly pool: pg.Pool;
  readonly cutoff: UtcTime;
  /** In one batch. */
  readonly maxCalls: number;
  /** Aborted: nothing further is looked for. */
  readonly signal: AbortSignal;
  readonly paced: Paced;
}

interface Expired {
  readonly call_id: string;
  /** How many clicks and results it has. */
  readonly events: number;
}

/**
 * Calls sent and received before the cutoff, those received first first, in batches. Each is looked at once: a call that
 * comes back while this goes on is for the next run.
 *
 * Found by `received_at`: the door lets `sent_at` be at most a day later, so nearly all that was received before the
 * cutoff goes, while imported history may be a million calls that were sent before it and stay.
 */
export async function* expiredCalls(search: Search): AsyncGenerator<string[], void> {
  let after: CallPlace | undefined = { received_at: '-infinity', call_id: '' };
  while (after !== undefined && !search.signal.aborted) {
    const page: FoundCall[] = await search.paced(lookForCalls(search, after));
    yield* batchesOf(page, search.maxCalls);
    after = page.at(-1);
  }
}

interface CallPlace {
  readonly received_at: string;
  readonly call_id: string;
}
type FoundCall = Expired & CallPlace;

const lookForCalls = (search: Search, after: CallPlace) => async (): Promise<FoundCall[]> => {
  const { rows } = await query<FoundCall>(
    search.pool,
    `select call_id, received_at,
       coalesce((select clicks from call_states where call_states.call_id = calls.call_id), 0)
       + (select count(*) from results where results.call_id = calls.call_id) as events
     from calls
     where received_at < $1 and sent_at < $1 and received_at >= $2 and (received_at, call_id) > ($2, $3)
     order by received_at, call_id
     limit $4`,
    [search.cutoff, after.received_at, after.call_id, search.maxCalls],
  );
  return rows;
};

/**
 * Calls that are not stored and have clicks or results received before the cutoff, in batches.
 *
 * Every click and result has a row of state under its call_id, so orphans are the states without a call: found by walking
 * call_states by its key and looking for each call, a page at a time. That is all reading, and of indexes alone.
 */
export async function* expiredOrphans(search: Search): AsyncGenerator<string[], void> {
  let after: string | null = '';
  while (after !== null && !search.signal.aborted) {
    const page: OrphanPage = await search.paced(lookForOrphans(search, after));
    yield* batchesOf(page.orphans, search.maxCalls);
    after = page.through;
  }
}

interface OrphanPage {
  /** The last call_id that was looked at; null when there was none. */
  readonly through: string | null;
  readonly orphans: readonly Expired[];
}

const lookForOrphans = (search: Search, after: string) => async (): Promise<OrphanPage> => {
  const { rows } = await query<OrphanPage>(
    search.pool,
    `with page as materialized (
       select call_id from call_states where call_id > $2 order by call_id limit $3
     ),
     lonely as materialized (
       -- Looked up one by one on purpose: a join, if the planner takes it for cheaper, reads all calls for each page.
       select call_id from page where (select true from calls where calls.call_id = page.call_id) is null
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
    [search.cutoff, after, MAX_LOOKED_AT],
  );
  return onlyRow(rows);
};

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

/**
 * How much the two above would lead to, in one snapshot.
 * @throws the reason of the signal
 */
export async function countExpired(pool: pg.Pool, cutoff: UtcTime, signal: AbortSignal): Promise<Deleted> {
  const eventsOf = (table: 'clicks' | 'results'): string => `
    (select count(*) from expired join ${table} using (call_id))
    + (select count(*) from lonely join ${table} using (call_id) where received_at < $1)`;
  const { rows } = await query<Deleted>(
    pool,
    `with expired as (
       select call_id from calls where received_at < $1 and sent_at < $1
     ),
     lonely as (
       select call_id from call_states
       where not exists (select from calls where calls.call_id = call_states.call_id)
     )
     select (select count(*) from expired) as calls,
       ${eventsOf('clicks')} as clicks,
       ${eventsOf('results')} as results`,
    [cutoff],
    signal,
  );
  return onlyRow(rows);
}

function onlyRow<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('an aggregate gave no row');
  return row;
}
