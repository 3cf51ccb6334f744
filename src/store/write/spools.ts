import type pg from 'pg';
import { inTransaction, query } from '../transaction.js';
import { decodeOutcomes, type Outcome, type OutcomeCounts } from './outcome.js';

/** A batch that is in the store. */
export interface CommittedBatch {
  readonly first: number;
  readonly last: number;
  readonly checksum: number;
  readonly outcomes: readonly Outcome[];
}

export interface SpoolRecovery {
  /** To be held by every batch from now on. */
  readonly epoch: number;
  /** Outcomes of all batches ever committed for this spool. */
  readonly totals: OutcomeCounts;
  /** Batches that reach to `from` or beyond, in order: their records may still lie on the spool. */
  readonly batches: readonly CommittedBatch[];
}

/**
 * Opens a spool in this database: raises its epoch, which waits for every transaction of earlier openings and fences
 * off later ones, and then reads what is already stored.
 * @param from lowest sequence the spool still holds; what lies wholly below is folded into sums
 */
export async function openSpoolEpoch(pool: pg.Pool, spoolId: string, from: number): Promise<SpoolRecovery> {
  const epoch = await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ epoch: number }>(
      `insert into spools as known (spool_id, epoch, opened_at) values ($1, 1, clock_timestamp())
       on conflict (spool_id) do update set epoch = known.epoch + 1, opened_at = excluded.opened_at
       returning epoch`,
      [spoolId],
    );
    return onlyRow(rows).epoch;
  });
  await foldBatches(pool, spoolId, from);
  const totals = await query<{ stored: number; duplicate: number; dead_letter: number }>(
    pool,
    `select
       spools.stored + coalesce(sum(batches.stored), 0) as stored,
       spools.duplicate + coalesce(sum(batches.duplicate), 0) as duplicate,
       spools.dead_letter + coalesce(sum(batches.dead_letter), 0) as dead_letter
     from spools left join drain_batches as batches using (spool_id)
     where spool_id = $1
     group by spool_id`,
    [spoolId],
  );
  const { stored, duplicate, dead_letter: deadLetter } = onlyRow(totals.rows);
  const batches = await query<{ first: number; last: number; checksum: number; outcomes: string }>(
    pool,
    `select first_sequence as first, last_sequence as last, checksum, outcomes
     from drain_batches where spool_id = $1 order by first_sequence`,
    [spoolId],
  );
  return {
    epoch,
    totals: { stored, duplicate, deadLetter },
    batches: batches.rows.map((row) => ({ ...row, outcomes: decodeOutcomes(row.outcomes) })),
  };
}

/**
 * Adds the outcomes of batches that lie wholly below `before` to the spool's sums and forgets the batches: the spool
 * has dropped their records, so no recovery will ask for them again.
 */
export async function foldBatches(pool: pg.Pool, spoolId: string, before: number): Promise<void> {
  await inTransaction(pool, async (client) => {
    // The spool's row first, as in every batch: so the two never wait for each other crosswise.
    await client.query('select 1 from spools where spool_id = $1 for update', [spoolId]);
    await client.query(
      `with folded as (
         delete from drain_batches where spool_id = $1 and last_sequence < $2
         returning stored, duplicate, dead_letter
       )
       update spools set
         stored = stored + coalesce((select sum(stored) from folded), 0),
         duplicate = duplicate + coalesce((select sum(duplicate) from folded), 0),
         dead_letter = dead_letter + coalesce((select sum(dead_letter) from folded), 0)
       where spool_id = $1`,
      [spoolId, before],
    );
  });
}

function onlyRow<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new Error('a row of the spool is missing in the database');
  return row;
}
