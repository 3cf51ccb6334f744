import type pg from 'pg';
import { CorruptRecordError, type EventRecord, type Provenance } from '../../events/record.js';
import type { Verdict } from './outcome.js';

export interface DeadLetter {
  readonly sequence: number;
  /** Null for a record that could not be read; `payload` then holds what the disk gave. */
  readonly record: EventRecord | null;
  readonly payload: Buffer;
  readonly verdict: Verdict;
}

const MAX_DETAIL_CHARACTERS = 1_000;

const INSERT = `
  insert into dead_letters (
    spool_id, sequence, reason, detail, event_type, call_id, event_id, source, received_at, payload, replays)
  select $1, input.*
  from unnest(
    $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
    $10::bytea[], $11::integer[]) as input
  order by 2`;

/** Keeps the letters under their spool and sequence, both unique for ever. */
export async function insertDeadLetters(
  client: pg.ClientBase,
  spoolId: string,
  letters: readonly DeadLetter[],
): Promise<void> {
  const records = letters.map(({ record }) => record);
  const provenances = records.map(provenanceOf);
  await client.query(INSERT, [
    spoolId,
    letters.map((letter) => letter.sequence),
    letters.map((letter) => letter.verdict.reason),
    letters.map((letter) => storableText(letter.verdict.detail)),
    records.map((record) => record?.type ?? null),
    records.map((record) => storableOrNull(record?.callId)),
    records.map((record) => storableOrNull(record?.type === 'call' ? null : record?.eventId)),
    provenances.map((provenance) => storableOrNull(provenance?.source)),
    provenances.map((provenance) => provenance?.receivedAt ?? null),
    letters.map((letter) => letter.payload),
    provenances.map((provenance) => provenance?.replays ?? 0),
  ]);
}

/** Null when there is none that could be read: a letter is kept all the same. */
function provenanceOf(record: EventRecord | null): Provenance | null {
  try {
    return record?.provenance ?? null;
  } catch (error) {
    if (error instanceof CorruptRecordError) return null;
    throw error;
  }
}

/** A message may quote what the database refused; U+0000 is the one character it could not keep. */
function storableText(text: string): string {
  return text.replaceAll('\u0000', '\\0').slice(0, MAX_DETAIL_CHARACTERS);
}

function storableOrNull(text: string | null | undefined): string | null {
  return typeof text === 'string' ? storableText(text) : null;
}
