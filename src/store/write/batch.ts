import type pg from 'pg';
import type { DecodedRecord } from '../../events/record.js';
import { isDefiniteFailure } from '../errors.js';
import { activityFingerprints, insertActivity } from './activity.js';
import { callFingerprints, insertCalls } from './calls.js';
import { type DeadLetter, insertDeadLetters } from './dead-letters.js';
import { groupByIdentity, type Identities, type IdentitiesByType, judge } from './identities.js';
import type { Outcome, Verdict } from './outcome.js';
import { type BatchRange, holdEpoch, recordBatch } from './progress.js';

export interface BatchRecord {
  readonly sequence: number;
  /** Null when the record cannot be read. */
  readonly record: DecodedRecord | null;
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
 * drain_batches; within a table by key. Fingerprints are looked up in statements of their own, after the inserts: the
 * row that made `on conflict do nothing` skip can be invisible to the inserting statement.
 * @throws WriteError
 */
export async function writeBatch(pool: pg.Pool, batch: Batch): Promise<Outcome[]> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw new WriteError(error, true, false);
  }
  let begun = false;
  let committing = false;
  try {
    await client.query('begin');
    await holdEpoch(client, batch);
    begun = true;
    const outcomes = await writeRecords(client, batch);
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

async function writeRecords(client: pg.ClientBase, batch: Batch): Promise<Outcome[]> {
  const offered = batch.records.map(({ record, condemned }) => (condemned === null ? record : null));
  const outcomes = await writeEvents(client, groupByIdentity(offered));
  const list = batch.records.map((_, position) => outcomes.get(position) ?? 'dead_letter');

  const letters: DeadLetter[] = [];
  for (const [position, batchRecord] of batch.records.entries()) {
    if (list[position] !== 'dead_letter') continue;
    const { sequence, record, payload } = batchRecord;
    letters.push({ sequence, record, payload, verdict: verdictOf(batchRecord) });
  }
  if (letters.length > 0) await insertDeadLetters(client, batch.spoolId, letters);
  return list;
}

/** Why a record that became a dead letter became one. */
export function verdictOf({ condemned }: Pick<BatchRecord, 'condemned'>): Verdict {
  return condemned ?? conflict;
}

const conflict: Verdict = {
  reason: 'conflict',
  detail: 'an event of the same type and ids with other contents was stored first',
};

/** Outcomes by position in the batch. */
async function writeEvents(client: pg.ClientBase, groups: IdentitiesByType): Promise<Map<number, Outcome>> {
  const { call, click, result } = groups;
  const outcomes = new Map<number, Outcome>();
  if (call.size > 0) {
    const inserted = await insertCalls(client, call.values());
    await settle(call, inserted, outcomes, (rows) => callFingerprints(client, rows));
  }
  if (click.size + result.size > 0) {
    const inserted = await insertActivity(client, click.values(), result.values());
    await settle(click, inserted.click, outcomes, (rows) => activityFingerprints(client, 'clicks', rows));
    await settle(result, inserted.result, outcomes, (rows) => activityFingerprints(client, 'results', rows));
  }
  return outcomes;
}

/** Tells stored from duplicate from conflict; looks up only what was not inserted. */
async function settle<Row>(
  identities: Identities<Row>,
  inserted: ReadonlySet<string>,
  outcomes: Map<number, Outcome>,
  lookUp: (rows: Row[]) => Promise<Map<string, Buffer>>,
): Promise<void> {
  const contested = [...identities.values()].filter(({ key }) => !inserted.has(key)).map(({ row }) => row);
  const stored = contested.length > 0 ? await lookUp(contested) : new Map<string, Buffer>();
  for (const identity of identities.values()) {
    const isNew = inserted.has(identity.key);
    const fingerprint = isNew ? identity.fingerprint : stored.get(identity.key);
    // The row was deleted between the two statements: the next attempt inserts it.
    if (fingerprint === undefined) throw new Error('a stored event was deleted while the batch was written');
    judge(identity, isNew, fingerprint, outcomes);
  }
}
