import type pg from 'pg';
import { inTransaction, prepared } from '../transaction.js';
import { countOutcomes, decodeOutcomes, encodeOutcomes, type Outcome } from './outcome.js';

/** The identity of a batch: which records of which spool it carries. A retry carries the identical range. */
export interface BatchRange {
  readonly spoolId: string;
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
  /** See drain_batches.checksum. */
  readonly checksum: number;
}

/** The spool was opened again since: by another process, or with another database behind it. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
  constructor() {
    super('the spool was opened anew in this database since the drain began');
  }
}

/**
 * Holds off a new opening of the spool until this transaction is over.
 * @throws FencedError when there has been one already
 */
export async function holdEpoch(client: pg.ClientBase, range: BatchRange): Promise<void> {
  const { rowCount } = await prepared(
    client,
    'hold_epoch',
    'select 1 from spools where spool_id = $1 and epoch = $2 for share',
    [range.spoolId, range.epoch],
  );
  if (rowCount !== 1) throw new FencedError();
}

/**
 * Writes down what became of the records: the last statement of a batch's transaction.
 * @throws AlreadyRecordedError when an earlier attempt with this range has committed after all; the statement waits for
 *   one that is still in doubt
 */
export async function recordBatch(
  client: pg.ClientBase,
  range: BatchRange,
  outcomes: readonly Outcome[],
): Promise<void> {
  const counts = countOutcomes(outcomes);
  const { rowCount } = await prepared(
    client,
    'record_batch',
    `insert into drain_batches (
       spool_id, first_sequence, last_sequence, checksum, outcomes, stored, duplicate, dead_letter)
     values ($1, $2, $3, $4, $5, $6, $7, $8)
     on conflict (spool_id, first_sequence) do nothing`,
    [
      range.spoolId,
      range.first,
      range.last,
      range.checksum,
      encodeOutcomes(outcomes),
      counts.stored,
      counts.duplicate,
      counts.deadLetter,
    ],
  );
  if (rowCount !== 1) throw new AlreadyRecordedError();
}

class AlreadyRecordedError extends Error {
  override readonly name = 'AlreadyRecordedError';
  constructor() {
    super('the batch was committed by an earlier attempt');
  }
}

/**
 * What became of a batch whose COMMIT was lost on the way; null when it did not happen, and then it never will: the
 * probe takes the batch's place in the unique index for a moment, and so waits for a transaction still under way.
 * @throws FencedError when the spool was opened anew: what stands in this place then may be another's batch
 */
export async function committedOutcomes(pool: pg.Pool, range: BatchRange): Promise<Outcome[] | null> {
  return inTransaction(pool, async (client) => {
    await holdEpoch(client, range);
    await client.query('savepoint before_probe');
    try {
      await recordBatch(client, range, []);
      await client.query('rollback to before_probe');
      return null;
    } catch (error) {
      if (!(error instanceof AlreadyRecordedError)) throw error;
    }
    const { rows } = await client.query<{ outcomes: string }>(
      'select outcomes from drain_batches where spool_id = $1 and first_sequence = $2 and last_sequence = $3',
      [range.spoolId, range.first, range.last],
    );
    if (rows[0] === undefined)
      throw new Error('another batch was committed under the first sequence of this one');
    return decodeOutcomes(rows[0].outcomes);
  });
}
