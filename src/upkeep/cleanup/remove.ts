/**
 * One transaction of the clean-up, beside a drain that goes on.
 *
 * The promise: whoever looks, at any time, call_states and call_users say what clicks and results say.
 *
 * The drain adds events of a call in this order: clicks, results (inserts only), call_users, call_states (inserts, or
 * updates of what is there). So it holds rows of state only after all its events are in, and the one row of call_states
 * last: whoever has that row has the call to itself. We therefore take the state down first, users before states, by
 * key:
 *   - a drain that is past a row we want is waited for: its events are seen by every later statement (READ COMMITTED
 *     gives each a snapshot of its own), and go or stay like the others;
 *   - a drain that comes to a row we have deleted waits for us, and then finds none and inserts what its own events
 *     come to (the events before them are gone), or finds the one we put up from what is left and adds to it.
 * From the moment call_states are ours nothing can be added to these calls, so events may be deleted and the state
 * derived anew at leisure. Two cases need care:
 *   - a call had no state when we took it, so there was nothing to hold. It had no events either; whatever comes is
 *     complete with a state of its own, and is left alone: an orphan.
 *   - a drain committed between our two statements and brought a user we had not seen: his row stands without being
 *     ours, another drain may hold it and wait for us. We give everything back and begin again (ContendedError).
 * Nobody else ever locks or deletes rows of calls, clicks and results, so deleting those waits for nobody and cannot
 * deadlock, wherever it comes.
 */
import type pg from 'pg';
import type { UtcTime } from '../../lib/time.js';
import { inTransaction } from '../../store/transaction.js';
import { deriveStates } from './derive-states.js';

export interface Deleted {
  readonly calls: number;
  readonly clicks: number;
  readonly results: number;
}

export const NOTHING: Deleted = { calls: 0, clicks: 0, results: 0 };

export function sumOf(a: Deleted, b: Deleted): Deleted {
  return { calls: a.calls + b.calls, clicks: a.clicks + b.clicks, results: a.results + b.results };
}

/** Somebody stored events of these calls at the same time. Nothing was changed. */
export class ContendedError extends Error {
  override readonly name = 'ContendedError';
  constructor() {
    super('events of the calls to be deleted were being stored');
  }
}

/** While we wait for a lock, drains may wait for us. */
const LOCK_TIMEOUT_MS = 1_000;

/**
 * Deletes those of the calls that were sent and received before the cutoff, and all their events.
 * @throws ContendedError
 */
export function removeCalls(pool: pg.Pool, cutoff: UtcTime, callIds: readonly string[]): Promise<Deleted> {
  return inShortTransaction(pool, async (client) => {
    const { rows } = await client.query<{ call_id: string }>(
      'delete from calls where call_id = any ($1::text[]) and received_at < $2 and sent_at < $2 returning call_id',
      [callIds, cutoff],
    );
    const held = await takeDownStates(
      client,
      rows.map((row) => row.call_id),
    );
    const events = await client.query<Omit<Deleted, 'calls'>>(
      `with gone_clicks as (delete from clicks where call_id = any ($1::text[]) returning 1),
         gone_results as (delete from results where call_id = any ($1::text[]) returning 1)
       select (select count(*) from gone_clicks) as clicks, (select count(*) from gone_results) as results`,
      [held],
    );
    return { ...NOTHING, ...events.rows[0], calls: rows.length };
  });
}

/**
 * Of those of the calls that are not stored, deletes the events that were received before the cutoff.
 * @throws ContendedError
 */
export function removeOrphanEvents(
  pool: pg.Pool,
  cutoff: UtcTime,
  callIds: readonly string[],
): Promise<Deleted> {
  const isExpired = (table: string): string => `
    call_id = any ($1::text[]) and received_at < $2
    and not exists (select from calls where calls.call_id = ${table}.call_id)`;
  return inShortTransaction(pool, async (client) => {
    const held = await takeDownStates(client, callIds);
    // One statement, and so one moment in which a call is stored or is not.
    const events = await client.query<Omit<Deleted, 'calls'>>(
      `with gone_clicks as (delete from clicks where ${isExpired('clicks')} returning 1),
         gone_results as (delete from results where ${isExpired('results')} returning 1)
       select (select count(*) from gone_clicks) as clicks, (select count(*) from gone_results) as results`,
      [held, cutoff],
    );
    await deriveStates(client, held);
    return { ...NOTHING, ...events.rows[0] };
  });
}

/** Returns the calls that had a state: until the end of the transaction nobody can add an event to them. */
async function takeDownStates(client: pg.PoolClient, callIds: readonly string[]): Promise<string[]> {
  await client.query(
    `with held as (
       select call_id, user_id from call_users where call_id = any ($1::text[]) order by call_id, user_id for update
     )
     delete from call_users using held
     where call_users.call_id = held.call_id and call_users.user_id = held.user_id`,
    [callIds],
  );
  const { rows } = await client.query<{ call_id: string }>(
    `with held as (
       select call_id from call_states where call_id = any ($1::text[]) order by call_id for update
     )
     delete from call_states using held
     where call_states.call_id = held.call_id
     returning call_states.call_id`,
    [callIds],
  );
  const held = rows.map((row) => row.call_id);
  const { rowCount } = await client.query('select from call_users where call_id = any ($1::text[]) limit 1', [
    held,
  ]);
  if (rowCount !== 0) throw new ContendedError();
  return held;
}

function inShortTransaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  return inTransaction(pool, async (client) => {
    await client.query(
      `set transaction isolation level read committed; set local lock_timeout = ${LOCK_TIMEOUT_MS}`,
    );
    return work(client);
  });
}
