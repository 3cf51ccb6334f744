import type pg from 'pg';
import type { UtcTime } from '../../lib/time.js';
import { parseLetterId } from './letter-id.js';
import { query } from '../../store/transaction.js';

/** Whether there was one. */
export async function deleteDeadLetter(pool: pg.Pool, id: string): Promise<boolean> {
  const key = parseLetterId(id);
  if (key === undefined) return false;
  const { rowCount } = await query(pool, 'delete from dead_letters where spool_id = $1 and sequence = $2', [
    key.spool_id,
    key.sequence,
  ]);
  return rowCount === 1;
}

export interface DeletedLetters {
  readonly deleted: number;
  /** The signal ended it. */
  readonly stopped: boolean;
}

/** Letters that one statement looks at. */
const MAX_LOOKED_AT = 2_000;

/** Deletes the letters that came here before a time, in transactions of their own; walks the whole table by its key. */
export async function deleteDeadLettersBefore(
  pool: pg.Pool,
  before: UtcTime,
  signal: AbortSignal,
): Promise<DeletedLetters> {
  let deleted = 0;
  let after: { spool_id: string; sequence: number } | undefined = { spool_id: NO_UUID, sequence: 0 };
  while (after !== undefined && !signal.aborted) {
    const { rows }: pg.QueryResult<{ spool_id: string; sequence: number; deleted: number }> = await query(
      pool,
      `with page as materialized (
         select spool_id, sequence, dead_lettered_at from dead_letters
         where (spool_id, sequence) > ($2, $3)
         order by spool_id, sequence
         limit $4
       ),
       gone as (
         delete from dead_letters using page
         where dead_letters.spool_id = page.spool_id and dead_letters.sequence = page.sequence
           and page.dead_lettered_at < $1
         returning 1
       )
       select spool_id, sequence, (select count(*) from gone) as deleted
       from page order by spool_id desc, sequence desc limit 1`,
      [before, after.spool_id, after.sequence, MAX_LOOKED_AT],
    );
    after = rows[0];
    deleted += rows[0]?.deleted ?? 0;
  }
  return { deleted, stopped: signal.aborted };
}

/** Below every other. */
const NO_UUID = '00000000-0000-0000-0000-000000000000';
