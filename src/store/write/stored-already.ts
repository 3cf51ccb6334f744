import type pg from 'pg';
import type { EventType } from '../../events/identity.js';
import type { Identity } from './identities.js';
import { prepared } from '../transaction.js';

const CALLS = 'select call_id, fingerprint from calls where call_id = any ($1::text[])';
const activity = (table: 'clicks' | 'results'): string => `
  select stored.call_id, stored.event_id, stored.fingerprint
  from unnest($1::text[], $2::text[]) as wanted (call_id, event_id)
  join ${table} as stored on stored.call_id = wanted.call_id and stored.event_id = wanted.event_id`;
const LOOK_UPS = { call: CALLS, click: activity('clicks'), result: activity('results') };

/** Fingerprints of those of the events that stand in the store, by key. */
export async function storedAlready(
  client: pg.ClientBase,
  type: EventType,
  identities: readonly Identity[],
): Promise<Map<string, Buffer>> {
  const callIds = identities.map(({ offered }) => offered.callId);
  const values = type === 'call' ? [callIds] : [callIds, identities.map(({ offered }) => offered.eventId)];
  const { rows } = await prepared<{ call_id: string; event_id?: string; fingerprint: Buffer }>(
    client,
    `${type}_fingerprints`,
    LOOK_UPS[type],
    values,
  );
  return new Map(rows.map((row) => [keyOf(row), row.fingerprint]));
}

/** As EventRecord.key. */
function keyOf(row: { readonly call_id: string; readonly event_id?: string }): string {
  const key = row.event_id === undefined ? row.call_id : `${row.call_id}\t${row.event_id}`;
  return Buffer.from(key).toString('latin1');
}
