import type { EventRecord } from '../../events/record.js';
import type { EventType } from '../../events/identity.js';
import type { Outcome } from './outcome.js';

/**
 * The records of one batch that speak of the same event: same type, call_id and event_id. The first of them in spool
 * order is the one offered to the store; the rest never reach SQL.
 */
export interface Identity {
  /** See EventRecord.key. */
  readonly key: string;
  readonly offered: EventRecord;
  /** Positions in the batch, in spool order; the first is the offered one. */
  readonly members: { readonly position: number; readonly record: EventRecord }[];
}

export type Identities = Map<string, Identity>;
export type IdentitiesByType = Readonly<Record<EventType, Identities>>;

/** `null` entries are records that offer no event. */
export function groupByIdentity(records: readonly (EventRecord | null)[]): IdentitiesByType {
  const groups: IdentitiesByType = { call: new Map(), click: new Map(), result: new Map() };
  for (const [position, record] of records.entries()) {
    if (record === null) continue;
    const group = groups[record.type];
    const known = group.get(record.key);
    const member = { position, record };
    if (known === undefined) group.set(record.key, { key: record.key, offered: record, members: [member] });
    else known.members.push(member);
  }
  return groups;
}

/** In the order of the keys of their tables, in which every transaction touches them. */
export function inKeyOrder(identities: Iterable<Identity>): Identity[] {
  return [...identities].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/**
 * Puts down what became of each member: the offered one is `stored` when its row was inserted just now; of the others,
 * one that says the same as the row in the store is a duplicate, one that says something else a conflict.
 * @param stored fingerprint of the row that stood in the store already; undefined when the offered one was inserted
 */
export function judge({ offered, members }: Identity, stored: Buffer | undefined, outcomes: Outcome[]): void {
  for (const { position, record } of members) {
    if (stored === undefined && record === offered) outcomes[position] = 'stored';
    else {
      const isSame = record.fingerprint.equals(stored ?? offered.fingerprint);
      outcomes[position] = isSame ? 'duplicate' : 'dead_letter';
    }
  }
}
