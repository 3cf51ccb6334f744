import type pg from 'pg';
import type { EventType } from '../../events/identity.js';
import { ROW_COLUMNS } from '../../events/row-text.js';
import { errorCode } from '../../lib/errors.js';
import { copyInto } from './copy.js';
import { type IdentitiesByType, type Identity, inKeyOrder } from './identities.js';
import { updateStates } from './states.js';
import { storedAlready } from './stored-already.js';

/** In the order in which every transaction touches the tables. */
const TABLES = { call: 'calls', click: 'clicks', result: 'results' } as const satisfies Record<
  EventType,
  string
>;
const TYPES: readonly EventType[] = ['call', 'click', 'result'];

const statementOf = (type: EventType): string =>
  `copy ${TABLES[type]} (${ROW_COLUMNS[type].join(', ')}) from stdin`;
const COPY = { call: statementOf('call'), click: statementOf('click'), result: statementOf('result') };

const UNIQUE_VIOLATION = '23505';
/** Each time it was another transaction that stored one of the events in between, so this many are not met by chance. */
const MAX_COLLISIONS = 20;

/**
 * Whether to look first which events the store holds already. Nearly always it holds none, and a look costs a tenth of
 * the copying; but a copying that meets one is in vain. So after such a collision some batches look first: repeats come
 * in crowds, when a sender sends again what it has no answer for.
 */
export class Wariness {
  #batches = 0;

  get looksFirst(): boolean {
    return this.#batches > 0;
  }

  collided(): void {
    this.#batches = BATCHES_AFTER_COLLISION;
  }

  batchDone(): void {
    this.#batches = Math.max(0, this.#batches - 1);
  }
}

const BATCHES_AFTER_COLLISION = 50;

/** Fingerprints of events that stood in the store already, by type and key. */
export type Found = Readonly<Record<EventType, ReadonlyMap<string, Buffer>>>;

const NONE: Found = { call: new Map(), click: new Map(), result: new Map() };

/**
 * Inserts the events that the store does not hold, and brings the state of their calls up to date. Returns those that it
 * held. Has to run within a transaction, and leaves nothing half done in it but by throwing.
 *
 * Another transaction may store one of them at the same time: COPY waits for it and, when it has committed, refuses. Then
 * everything is taken back to the savepoint, and done again with a look at what is there by now.
 */
export async function insertNew(
  client: pg.ClientBase,
  groups: IdentitiesByType,
  wariness: Wariness,
): Promise<Found> {
  let found = wariness.looksFirst ? await lookUp(client, groups) : NONE;
  for (let collisions = 0; ;) {
    await client.query('savepoint before_copy');
    try {
      await copyNew(client, groups, found);
      wariness.batchDone();
      return found;
    } catch (error) {
      if (!isCollision(error)) throw error;
      wariness.collided();
      // Under a name of its own: to PostgreSQL's code the event would be to blame.
      if (++collisions > MAX_COLLISIONS)
        throw new Error('the events of a batch were stored by others, time and again');
      await client.query('rollback to savepoint before_copy');
      found = await lookUp(client, groups);
    }
  }
}

async function lookUp(client: pg.ClientBase, groups: IdentitiesByType): Promise<Found> {
  const found = { ...NONE };
  for (const type of TYPES)
    if (groups[type].size > 0) found[type] = await storedAlready(client, type, [...groups[type].values()]);
  return found;
}

async function copyNew(client: pg.ClientBase, groups: IdentitiesByType, found: Found): Promise<void> {
  const fresh: Record<EventType, readonly Identity[]> = { call: [], click: [], result: [] };
  for (const type of TYPES) {
    const isNew = ({ key }: Identity): boolean => !found[type].has(key);
    fresh[type] = inKeyOrder([...groups[type].values()].filter(isNew));
    const lines = fresh[type].map(({ offered }) => offered.row);
    if (lines.length > 0) await copyInto(client, COPY[type], Buffer.concat(lines));
  }
  await updateStates(client, fresh.click, fresh.result);
}

/** One of our own keys refused a row: an index that somebody else made speaks of the data. */
function isCollision(error: unknown): boolean {
  if (errorCode(error) !== UNIQUE_VIOLATION || !(error instanceof Error) || !('constraint' in error))
    return false;
  return TYPES.some((type) => error.constraint === `${TABLES[type]}_pkey`);
}
