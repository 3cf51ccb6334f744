import type pg from 'pg';
import type { CallRow } from '../../events/rows.js';
import { type Fingerprinted, toJson } from './fingerprinted.js';

const INSERT = {
  name: 'insert_calls',
  text: `
    insert into calls (
      call_id, call_type, sport, league, team_a, team_b, match_date, commence_time, book_a, book_b, market,
      odds_a, odds_b, odds_format, roi_percent, stake_a, stake_b, total_stake, profit_expected, sent_at, expires_at,
      users_notified, notified_user_ids, source, raw, received_at, fingerprint)
    select
      call_id, call_type, sport, league, team_a, team_b, match_date, commence_time, book_a, book_b, market,
      odds_a, odds_b, odds_format, roi_percent, stake_a, stake_b, total_stake, profit_expected, sent_at, expires_at,
      users_notified, notified_user_ids, source, raw::json, received_at, decode(fingerprint, 'hex')
    from json_to_recordset($1::json) as input (
      call_id text, call_type text, sport text, league text, team_a text, team_b text, match_date date,
      commence_time timestamptz, book_a text, book_b text, market text, odds_a numeric, odds_b numeric,
      odds_format text, roi_percent numeric, stake_a numeric, stake_b numeric, total_stake numeric,
      profit_expected numeric, sent_at timestamptz, expires_at timestamptz, users_notified integer,
      notified_user_ids text[], source text, raw text, received_at timestamptz, fingerprint text)
    order by call_id collate "C"
    on conflict (call_id) do nothing
    returning call_id`,
};

const FINGERPRINTS = {
  name: 'call_fingerprints',
  text: 'select call_id as key, fingerprint from calls where call_id = any ($1::text[])',
};

/** Inserts the calls that are new, in key order. Returns the call_ids that were. */
export async function insertCalls(
  client: pg.ClientBase,
  rows: Iterable<Fingerprinted<CallRow>>,
): Promise<Set<string>> {
  const { rows: inserted } = await client.query<{ call_id: string }>({
    ...INSERT,
    values: [toJson(rows)],
  });
  return new Set(inserted.map((row) => row.call_id));
}

/** Fingerprints of calls that stand in the store, by call_id. */
export async function callFingerprints(
  client: pg.ClientBase,
  ids: readonly { readonly call_id: string }[],
): Promise<Map<string, Buffer>> {
  const { rows } = await client.query<{ key: string; fingerprint: Buffer }>({
    ...FINGERPRINTS,
    values: [ids.map((id) => id.call_id)],
  });
  return new Map(rows.map((row) => [row.key, row.fingerprint]));
}
