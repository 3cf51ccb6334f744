import { isUtf8 } from 'node:buffer';
import type pg from 'pg';
import type { EventType } from '../../events/identity.js';
import type { UtcTime } from '../../lib/time.js';
import type { DeadLetterReason } from '../../store/write/outcome.js';
import { letterId, type LetterKey, parseLetterId } from './letter-id.js';
import { query } from '../../store/transaction.js';

/** Named as in answers. */
export interface DeadLetter {
  readonly id: string;
  readonly reason: DeadLetterReason;
  readonly detail: string;
  /** Null, like the ids, for a record that could not be read. */
  readonly event_type: EventType | null;
  readonly call_id: string | null;
  /** Null for a call. */
  readonly event_id: string | null;
  readonly source: string | null;
  readonly received_at: UtcTime | null;
  readonly dead_lettered_at: UtcTime;
  /** How often it was replayed before it came here. */
  readonly replays: number;
  /** Exactly as received; null when the bytes are not UTF-8. */
  readonly payload: string | null;
  readonly payload_base64: string;
}

/** A place in the list: the next page begins behind it. */
export interface LetterPlace {
  readonly deadLetteredAt: UtcTime;
  readonly id: string;
}

export interface DeadLettersQuestion {
  readonly limit: number;
  readonly after?: LetterPlace | undefined;
  readonly reason?: DeadLetterReason | undefined;
}

export interface DeadLettersPage {
  readonly letters: DeadLetter[];
  /** Where the page ended; null when nothing comes after it. */
  readonly next: LetterPlace | null;
}

/**
 * A page ends early when its payloads come to this. Each is told as text and in base64, and the answer is put together and
 * written in one go, which holds up everybody else.
 */
const MAX_PAGE_BYTES = 1024 * 1024;

const COLUMNS = `spool_id, sequence, reason, detail, event_type, call_id, event_id, source, received_at,
  dead_lettered_at, replays, payload`;

/**
 * Newest first.
 * @throws RangeError for a place in no list of ours
 */
export async function listDeadLetters(
  pool: pg.Pool,
  { limit, after, reason }: DeadLettersQuestion,
): Promise<DeadLettersPage> {
  const place = after && parseLetterId(after.id);
  if (after !== undefined && place === undefined)
    throw new RangeError(`no dead letter has the id ${after.id}`);
  const { rows } = await query<Row & { found: number }>(
    pool,
    `with page as (
       select ${COLUMNS} from dead_letters
       where ($1::text is null or reason = $1)
         and ($2::timestamptz is null or (dead_lettered_at, spool_id, sequence) < ($2, $3::uuid, $4::bigint))
       order by dead_lettered_at desc, spool_id desc, sequence desc
       limit $5::bigint + 1
     ),
     measured as (
       select *, count(*) over () as found, row_number() over newest_first as number,
         sum(octet_length(payload)) over newest_first - octet_length(payload) as bytes_before
       from page
       window newest_first as (order by dead_lettered_at desc, spool_id desc, sequence desc)
     )
     select ${COLUMNS}, found from measured
     where number <= $5 and bytes_before < $6
     order by number`,
    [
      reason ?? null,
      after?.deadLetteredAt ?? null,
      place?.spool_id ?? null,
      place?.sequence ?? null,
      limit,
      MAX_PAGE_BYTES,
    ],
  );
  const last = rows.at(-1);
  const isMore = last !== undefined && last.found > rows.length;
  return {
    letters: rows.map(letterOf),
    next: isMore ? { deadLetteredAt: last.dead_lettered_at, id: letterId(last) } : null,
  };
}

type Row = Omit<DeadLetter, 'id' | 'payload' | 'payload_base64'> & LetterKey & { readonly payload: Buffer };

function letterOf(row: Row): DeadLetter {
  const { payload } = row;
  return {
    id: letterId(row),
    reason: row.reason,
    detail: row.detail,
    event_type: row.event_type,
    call_id: row.call_id,
    event_id: row.event_id,
    source: row.source,
    received_at: row.received_at,
    dead_lettered_at: row.dead_lettered_at,
    replays: row.replays,
    payload: isUtf8(payload) ? payload.toString() : null,
    payload_base64: payload.toString('base64'),
  };
}
