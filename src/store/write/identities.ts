import type { DecodedRecord } from '../../events/record.js';
import type { StoredEvent } from '../../events/rows.js';
import type { Outcome } from './outcome.js';

/**
 * The records of one batch that speak of the same event: same type, call_id and event_id. The first of them in spool
 * order is the one offered to the store. A statement may not meet the same key twice, so the rest never reach SQL.
 */
export interface Identity<Row> {
  readonly key: string;
  readonly row: Row;
  readonly fingerprint: Buffer;
  /** Positions in the batch with the fingerprint found there, in spool order; the first is the offered one. */
  readonly members: { readonly position: number; readonly fingerprint: Buffer }[];
}

type RowOf<Type extends StoredEvent['type']> = Extract<StoredEvent, { type: Type }>['row'];
export type Identities<Row> = Map<string, Identity<Row>>;
export type IdentitiesByType = { readonly [Type in StoredEvent['type']]: Identities<RowOf<Type>> };

/** `null` entries are records that offer no event. */
export function groupByIdentity(records: readonly (DecodedRecord | null)[]): IdentitiesByType {
  const groups: IdentitiesByType = { call: new Map(), click: new Map(), result: new Map() };
  for (const [position, record] of records.entries()) {
    if (record === null) continue;
    const { event, fingerprint } = record;
    const member = { position, fingerprint };
    if (event.type === 'call') add(groups.call, event.row.call_id, event.row, member);
    else if (event.type === 'click') add(groups.click, eventKey(event.row), event.row, member);
    else add(groups.result, eventKey(event.row), event.row, member);
  }
  return groups;
}

function add<Row>(
  group: Identities<Row>,
  key: string,
  row: Row,
  member: Identity<Row>['members'][number],
): void {
  const known = group.get(key);
  if (known === undefined) group.set(key, { key, row, fingerprint: member.fingerprint, members: [member] });
  else known.members.push(member);
}

/** Ids never hold a slash, so the pair reads back in one way only. */
export function eventKey(ids: { readonly call_id: string; readonly event_id: string }): string {
  return `${ids.call_id}/${ids.event_id}`;
}

/**
 * Puts down what became of each member: the offered one is `stored` when its row was inserted just now; of the others,
 * one that says the same as the row in the store is a duplicate, one that says something else a conflict.
 * @param storedFingerprint of the row that stands in the store under this identity
 */
export function judge(
  identity: Identity<unknown>,
  inserted: boolean,
  storedFingerprint: Buffer,
  outcomes: Map<number, Outcome>,
): void {
  for (const [index, { position, fingerprint }] of identity.members.entries()) {
    if (index === 0 && inserted) outcomes.set(position, 'stored');
    else outcomes.set(position, fingerprint.equals(storedFingerprint) ? 'duplicate' : 'dead_letter');
  }
}
