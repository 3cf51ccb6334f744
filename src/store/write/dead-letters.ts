import type pg from 'pg';
import type { DecodedRecord } from '../../events/record.js';
import type { Verdict } from './outcome.js';

export interface DeadLetter {
  readonly sequence: number;
  /** Null for a record that could not be read; `payload` then holds what the disk gave. */
  readonly record: DecodedRecord | null;
  readonly payload: Buffer;
  readonly verdict: Verdict;
}

const MAX_DETAIL_CHARACTERS = 1_000;

const INSERT = {
  name: 'insert_dead_letters',
  text: `
    insert into dead_letters (
      spool_id, sequence, reason, detail, event_type, call_id, event_id, source, received_at, payload, replays)
    select $1, input.*
    from unnest(
      $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
      $10::bytea[], $11::integer[]) as input
    order by 2`,
};

/** Keeps the letters under their spool and sequence, both unique for ever. */
export async function insertDeadLetters(
  client: pg.ClientBase,
  spoolId: string,
  letters: readonly DeadLetter[],
): Promise<void> {
  await client.query({
    ...INSERT,
    values: [
      spoolId,
      letters.map((letter) => letter.sequence),
      letters.map((letter) => letter.verdict.reason),
      letters.map((letter) => storableText(letter.verdict.detail)),
      letters.map((letter) => letter.record?.event.type ?? null),
      letters.map((letter) => letter.record?.event.row.call_id ?? null),
      letters.map((letter) => eventIdOf(letter.record)),
      letters.map((letter) => letter.record?.source ?? null),
      letters.map((letter) => letter.record?.receivedAt ?? null),
      letters.map((letter) => letter.payload),
      letters.map((letter) => letter.record?.replays ?? 0),
    ],
  });
}

function eventIdOf(record: DecodedRecord | null): string | null {
  return record === null || record.event.type === 'call' ? null : record.event.row.event_id;
}

/** A message may quote what the database refused; U+0000 is the one character it could not keep. */
function storableText(text: string): string {
  return text.replaceAll('\u0000', '\\0').slice(0, MAX_DETAIL_CHARACTERS);
}
