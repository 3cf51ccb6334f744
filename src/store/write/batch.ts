import type pg from 'pg';
import { EVENT_TYPES } from '../../events/identity.js';
import type { EventRecord } from '../../events/record.js';
import { isDefiniteFailure } from '../errors.js';
import { begin } from '../transaction.js';
import { type DeadLetter, insertDeadLetters } from './dead-letters.js';
import { insertNew, type Wariness } from './events.js';
import { groupByIdentity, judge } from './identities.js';
import type { Outcome, Verdict } from './outcome.js';
import { type BatchRange, holdEpoch, recordBatch } from './progress.js';

export interface BatchRecord {
  readonly sequence: number;
  /** Null when the record cannot be read. */
  readonly record: EventRecord | null;
  /** What a dead letter keeps: the event as received, or the bytes of an unreadable record. */
  readonly payload: Buffer;
  /** Already known to be a dead letter; never offered to the store. */
  readonly condemned: Verdict | null;
}

export interface Batch extends BatchRange {
  /** In spool order; all records of the spool from `first` to `last`. */
  readonly records: readonly BatchRecord[];
}

/**
 * An attempt that failed. `rolledBack` is false when the connection was lost while COMMIT was under way: the batch may
 * be in the store, and only a retry with the identical range finds out.
 */
export class WriteError extends Error {
  override readonly name = 'WriteError';
  constructor(
    override readonly cause: unknown,
    readonly rolledBack: boolean,
    /** The statements of the batch had begun, so that its contents may be to blame. */
    readonly begun: boolean,
  ) {
    super('the batch was not written', { cause });
  }
}

/**
 * Carries a batch into the store in one transaction. Returns what became of each record, in order, once the database
 * has committed.
 *
 * Tables are touched in one order everywhere: spools, calls, clicks, results, call_users, call_states, dead_letters,
 * drain_batches; within a table by key.
 * @param wariness of all who write to this store
 * @throws WriteError
 */
export async function writeBatch(pool: pg.Pool, batch: Batch, wariness: Wariness): Promise<Outcome[]> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw new WriteError(error, true, false);
  }
  let begun = false;
  let committing = false;
  try {
    await begin(client);
    await holdEpoch(client, batch);
    begun = true;
    const outcomes = await writeRecords(client, batch, wariness);
    committing = true;
    await recordBatch(client, batch, outcomes);
    const { command } = await client.query('commit');
    if (command !== 'COMMIT') throw new Error('the database rolled the transaction back at commit');
    client.release();
    return outcomes;
  } catch (error) {
    const rolledBack = !committing || isDefiniteFailure(error);
    // Closing the connection ends the transaction on the server, whatever state either side is in.
    client.release(true);
    throw new WriteError(error, rolledBack, begun);
  }
}

async function writeRecords(client: pg.ClientBase, batch: Batch, wariness: Wariness): Promise<Outcome[]> {
  const offered = batch.records.map(({ record, condemned }) => (condemned === null ? record : null));
  const groups = groupByIdentity(offered);
  // Whatever offers no event is a dead letter already.
  const outcomes = batch.records.map((): Outcome => 'dead_letter');
  if (EVENT_TYPES.some((type) => groups[type].size > 0)) {
    const found = await insertNew(client, groups, wariness);
    for (const type of EVENT_TYPES)
      for (const identity of groups[type].values()) judge(identity, found[type].get(identity.key), outcomes);
  }

  const letters: DeadLetter[] = [];
  for (const [position, batchRecord] of batch.records.entries()) {
    if (outcomes[position] !== 'dead_letter') continue;
    const { sequence, record, payload } = batchRecord;
    letters.push({ sequence, record, payload, verdict: verdictOf(batchRecord) });
  }
  if (letters.length > 0) await insertDeadLetters(client, batch.spoolId, letters);
  return outcomes;
}

/** Why a record that became a dead letter became one. */
export function verdictOf({ condemned }: Pick<BatchRecord, 'condemned'>): Verdict {
  return condemned ?? conflict;
}

const conflict: Verdict = {
  reason: 'conflict',
  detail: 'an event of the same type and ids with other contents was stored first',
};
