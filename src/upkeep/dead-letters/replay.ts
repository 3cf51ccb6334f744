/**
 * Sends dead letters on their way again: from the table back onto the spool.
 *
 * A letter is deleted only once its record is synced on the spool. A crash in between leaves both, and nothing comes of
 * it: the record has the identity and the fingerprint of the event, so whether it is drained once, twice or beside a
 * later replay of the letter, the event is stored once, and every other time is a duplicate (or, if another content holds
 * its identity, a conflict as before).
 *
 * What fails again becomes a new letter, which remembers how often it was replayed. `replayDeadLetters` takes only letters that
 * never were, so it cannot go round in a circle.
 */
import type pg from 'pg';
import type { UtcTime } from '../../lib/time.js';
import { inTransaction, query } from '../../store/transaction.js';
import { type LetterKey, parseLetterId } from './letter-id.js';
import { type LetterContent, NotReplayableError, recordOfLetter } from './record-of-letter.js';

/** Resolves once the records, all or none, are synced on the spool. */
export type Append = (records: readonly Uint8Array[]) => Promise<unknown>;

/**
 * Replays one letter, whatever its past.
 * @returns false when there is none with this id (any more)
 * @throws NotReplayableError, and what `append` throws; the letter stays
 */
export async function replayDeadLetter(pool: pg.Pool, append: Append, id: string): Promise<boolean> {
  const key = parseLetterId(id);
  if (key === undefined) return false;
  const { replayed, refusal } = await replay(pool, append, [key]);
  if (refusal !== null) throw refusal;
  return replayed === 1;
}

export interface ReplayedLetters {
  readonly replayed: number;
  /** Letters that hold no event that could be replayed; they stay. */
  readonly refused: number;
  /** The signal ended it. */
  readonly stopped: boolean;
}

/** Keys in one look: each sorts the letters that are left. */
const MAX_LOOKED_AT = 10_000;
/** In one append and one transaction. */
const MAX_LETTERS = 500;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Replays the letters that are there now and were never replayed, oldest first.
 * @throws what `append` throws, such as SpoolFullError; what was replayed until then is
 */
export async function replayDeadLetters(
  pool: pg.Pool,
  append: Append,
  signal: AbortSignal,
): Promise<ReplayedLetters> {
  let replayed = 0;
  let refused = 0;
  for await (const keys of fresh(pool)) {
    if (signal.aborted) break;
    const done = await replay(pool, append, keys);
    replayed += done.replayed;
    refused += done.refused;
  }
  return { replayed, refused, stopped: signal.aborted };
}

type Fresh = LetterKey & { readonly dead_lettered_at: UtcTime; readonly bytes: number };

async function* fresh(pool: pg.Pool): AsyncGenerator<LetterKey[], void> {
  const began = await query<{ now: UtcTime }>(pool, 'select now()');
  let after: Pick<Fresh, keyof LetterKey | 'dead_lettered_at'> | undefined;
  do {
    const { rows }: pg.QueryResult<Fresh> = await query(
      pool,
      `select spool_id, sequence, dead_lettered_at, octet_length(payload) as bytes
       from dead_letters
       where replays = 0 and dead_lettered_at <= $1
         and ($2::timestamptz is null or (dead_lettered_at, spool_id, sequence) > ($2, $3::uuid, $4::bigint))
       order by dead_lettered_at, spool_id, sequence
       limit $5`,
      [
        began.rows[0]?.now,
        after?.dead_lettered_at ?? null,
        after?.spool_id ?? null,
        after?.sequence ?? null,
        MAX_LOOKED_AT,
      ],
    );
    yield* chunksOf(rows);
    after = rows.at(-1);
  } while (after !== undefined);
}

function* chunksOf(letters: readonly Fresh[]): Generator<LetterKey[], void> {
  let chunk: LetterKey[] = [];
  let bytes = 0;
  for (const letter of letters) {
    if (chunk.length > 0 && (chunk.length >= MAX_LETTERS || bytes + letter.bytes > MAX_BYTES)) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(letter);
    bytes += letter.bytes;
  }
  if (chunk.length > 0) yield chunk;
}

interface Replay {
  readonly replayed: number;
  readonly refused: number;
  /** Why the last of those was refused. */
  readonly refusal: NotReplayableError | null;
}

/** The letters are locked meanwhile: another replay of the same ones waits, and then finds them gone. */
function replay(pool: pg.Pool, append: Append, keys: readonly LetterKey[]): Promise<Replay> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<LetterKey & LetterContent>(
      `select spool_id, sequence, event_type, call_id, event_id, source, received_at, replays, payload
       from dead_letters join unnest($1::uuid[], $2::bigint[]) as wanted (spool_id, sequence) using (spool_id, sequence)
       order by dead_lettered_at, spool_id, sequence
       for update of dead_letters`,
      columnsOf(keys),
    );
    const records: Buffer[] = [];
    const taken: LetterKey[] = [];
    let refusal: NotReplayableError | null = null;
    for (const letter of rows) {
      try {
        records.push(recordOfLetter(letter));
        taken.push(letter);
      } catch (error) {
        if (!(error instanceof NotReplayableError)) throw error;
        refusal = error;
      }
    }
    if (records.length > 0) {
      await append(records);
      await client.query(
        `delete from dead_letters using unnest($1::uuid[], $2::bigint[]) as gone (spool_id, sequence)
         where dead_letters.spool_id = gone.spool_id and dead_letters.sequence = gone.sequence`,
        columnsOf(taken),
      );
    }
    return { replayed: records.length, refused: rows.length - records.length, refusal };
  });
}

function columnsOf(keys: readonly LetterKey[]): [string[], number[]] {
  return [keys.map(({ spool_id }) => spool_id), keys.map(({ sequence }) => sequence)];
}
