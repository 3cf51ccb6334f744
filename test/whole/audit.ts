import type pg from 'pg';
import type { Driver } from './driver.js';

export interface Audit {
  readonly acknowledged: number;
  readonly stored: number;
  /** Acknowledged and not in the store. */
  readonly lost: number;
  /** In the store more than once, or counted more than once in the state of a call. */
  readonly duplicated: number;
  /** In the store and never sent. */
  readonly invented: number;
}

/** Compares what the driver was promised with what the store holds, row by row. */
export async function audit(pool: pg.Pool, driver: Driver): Promise<Audit> {
  const { rows } = await pool.query<{ key: string }>(
    `select 'call ' || call_id as key from calls
     union all select 'click ' || event_id from clicks
     union all select 'result ' || event_id from results`,
  );
  const stored = new Set(rows.map(({ key }) => key));
  const sent = new Set(driver.sent().map(({ type, eventId }) => `${type} ${eventId}`));
  const acknowledged = driver.acknowledged();
  const miscounted = await pool.query(
    `select 1
     from (select call_id, count(*) as clicks, count(distinct user_id) as users from clicks group by call_id) as truth
     full join call_states using (call_id)
     where coalesce(truth.clicks, 0) is distinct from call_states.clicks
        or coalesce(truth.users, 0) is distinct from call_states.users_clicked`,
  );
  return {
    acknowledged: acknowledged.length,
    stored: rows.length,
    lost: acknowledged.filter(({ type, eventId }) => !stored.has(`${type} ${eventId}`)).length,
    duplicated: rows.length - stored.size + (miscounted.rowCount ?? 0),
    invented: [...stored].filter((key) => !sent.has(key)).length,
  };
}

export interface Counts {
  readonly accepted: number;
  readonly stored: number | null;
  readonly duplicate: number | null;
  readonly dead_letter: number | null;
  readonly spooled: number;
}

/**
 * The counts of the service's spool.
 * @throws what fetch throws, and Error with any other answer
 */
export async function countsOf(url: string): Promise<Counts> {
  const response = await fetch(new URL('/v1/admin/status', url));
  if (!response.ok)
    throw new Error(`the status was answered with ${response.status}: ${await response.text()}`);
  const { counts } = (await response.json()) as { counts: Counts };
  return counts;
}

export async function flush(url: string, timeoutS: number): Promise<boolean> {
  const response = await fetch(new URL('/v1/admin/flush', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ timeout_s: timeoutS }),
  });
  await response.arrayBuffer();
  return response.status === 200;
}
