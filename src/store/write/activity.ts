import type pg from 'pg';
import type { ClickRow, ResultRow } from '../../events/rows.js';
import { type Fingerprinted, toJson } from './fingerprinted.js';
import { eventKey } from './identities.js';

/**
 * Clicks, results and the state of their calls in one statement, so that call_states is touched once and in key order:
 * two transactions that meet on the same calls wait for each other and never deadlock.
 *
 * Each step feeds on what the one before really inserted, so a repeated event changes nothing further on:
 *
 *   new_clicks ─► users (distinct by insertion) ─► click_totals ─┐
 *   new_results ─► the latest settlement and closing of each call ┴► call_states
 *
 * `xmax = 0` tells a user row that was inserted from one that was updated (there, a click turned into a bet).
 */
const INSERT = {
  name: 'insert_activity',
  text: `
    with new_clicks as (
      insert into clicks (call_id, event_id, user_id, action, clicked_at, received_at, fingerprint)
      select call_id, event_id, user_id, action, clicked_at, received_at, decode(fingerprint, 'hex')
      from json_to_recordset($1::json) as input (
        call_id text, event_id text, user_id text, action text, clicked_at timestamptz, received_at timestamptz,
        fingerprint text)
      order by call_id collate "C", event_id collate "C"
      on conflict (call_id, event_id) do nothing
      returning call_id, event_id, user_id, action, clicked_at
    ),
    touched_users as (
      insert into call_users as known (call_id, user_id, bet)
      select call_id, user_id, bool_or(action = 'bet')
      from new_clicks
      where user_id is not null
      group by call_id, user_id
      order by call_id, user_id
      on conflict (call_id, user_id) do update set bet = true where excluded.bet and not known.bet
      returning call_id, bet, xmax = 0 as is_new
    ),
    click_totals as (
      select call_id,
        sum(clicks) as clicks,
        sum(users_clicked) as users_clicked,
        sum(users_bet) as users_bet,
        min(first_clicked_at) as first_clicked_at,
        max(last_clicked_at) as last_clicked_at
      from (
        select call_id, 1 as clicks,
          (user_id is null)::int as users_clicked,
          (user_id is null and action = 'bet')::int as users_bet,
          clicked_at as first_clicked_at, clicked_at as last_clicked_at
        from new_clicks
        union all
        select call_id, 0, is_new::int, bet::int, null, null
        from touched_users
      ) as counted
      group by call_id
    ),
    new_results as (
      insert into results (
        call_id, event_id, settled_at, has_settlement, has_closing, outcome, profit_actual, closing_line_a,
        closing_line_b, clv_a, clv_b, line_movement_speed, closed_at, received_at, fingerprint)
      select
        call_id, event_id, settled_at, has_settlement, has_closing, outcome, profit_actual, closing_line_a,
        closing_line_b, clv_a, clv_b, line_movement_speed, closed_at, received_at, decode(fingerprint, 'hex')
      from json_to_recordset($2::json) as input (
        call_id text, event_id text, settled_at timestamptz, has_settlement boolean, has_closing boolean,
        outcome text, profit_actual numeric, closing_line_a numeric, closing_line_b numeric, clv_a numeric,
        clv_b numeric, line_movement_speed text, closed_at timestamptz, received_at timestamptz, fingerprint text)
      order by call_id collate "C", event_id collate "C"
      on conflict (call_id, event_id) do nothing
      returning *
    ),
    settlements as (
      select distinct on (call_id) call_id, settled_at, event_id as settlement_event_id, outcome, profit_actual
      from new_results
      where has_settlement
      order by call_id, settled_at desc, event_id desc
    ),
    closings as (
      select distinct on (call_id) call_id, settled_at as closing_settled_at, event_id as closing_event_id,
        closing_line_a, closing_line_b, clv_a, clv_b, line_movement_speed, closed_at
      from new_results
      where has_closing
      order by call_id, settled_at desc, event_id desc
    ),
    new_states as (
      insert into call_states as known (
        call_id, clicks, users_clicked, users_bet, first_clicked_at, last_clicked_at,
        settled_at, settlement_event_id, outcome, profit_actual,
        closing_settled_at, closing_event_id, closing_line_a, closing_line_b, clv_a, clv_b, line_movement_speed,
        closed_at)
      select
        call_id, coalesce(clicks, 0), coalesce(users_clicked, 0), coalesce(users_bet, 0), first_clicked_at,
        last_clicked_at, settled_at, settlement_event_id, outcome, profit_actual,
        closing_settled_at, closing_event_id, closing_line_a, closing_line_b, clv_a, clv_b, line_movement_speed,
        closed_at
      from click_totals
      full join settlements using (call_id)
      full join closings using (call_id)
      order by call_id
      on conflict (call_id) do update set
        clicks = known.clicks + excluded.clicks,
        users_clicked = known.users_clicked + excluded.users_clicked,
        users_bet = known.users_bet + excluded.users_bet,
        first_clicked_at = least(known.first_clicked_at, excluded.first_clicked_at),
        last_clicked_at = greatest(known.last_clicked_at, excluded.last_clicked_at),
        ${replacedWhenLater('settled_at', 'settlement_event_id', ['outcome', 'profit_actual'])},
        ${replacedWhenLater('closing_settled_at', 'closing_event_id', [
          'closing_line_a',
          'closing_line_b',
          'clv_a',
          'clv_b',
          'line_movement_speed',
          'closed_at',
        ])}
    )
    select 'click' as type, call_id, event_id from new_clicks
    union all
    select 'result', call_id, event_id from new_results`,
};

/** A part of a result is replaced as a whole by the event with the later time; at equal times by the greater event id. */
function replacedWhenLater(time: string, eventId: string, columns: readonly string[]): string {
  const isLater = `known.${time} is null or (excluded.${time}, excluded.${eventId}) > (known.${time}, known.${eventId})`;
  return [time, eventId, ...columns]
    .map((column) => `${column} = case when ${isLater} then excluded.${column} else known.${column} end`)
    .join(',\n        ');
}

const fingerprintsOf = (table: 'clicks' | 'results') => ({
  name: `${table}_fingerprints`,
  text: `
    select stored.call_id, stored.event_id, stored.fingerprint
    from unnest($1::text[], $2::text[]) as wanted (call_id, event_id)
    join ${table} as stored on stored.call_id = wanted.call_id and stored.event_id = wanted.event_id`,
});
const FINGERPRINTS = { clicks: fingerprintsOf('clicks'), results: fingerprintsOf('results') };

/** Inserts the clicks and results that are new and brings their calls' state up to date. Returns the keys of the new. */
export async function insertActivity(
  client: pg.ClientBase,
  clicks: Iterable<Fingerprinted<ClickRow>>,
  results: Iterable<Fingerprinted<ResultRow>>,
): Promise<{ click: Set<string>; result: Set<string> }> {
  const { rows } = await client.query<{ type: 'click' | 'result'; call_id: string; event_id: string }>({
    ...INSERT,
    values: [toJson(clicks), toJson(results)],
  });
  const inserted = { click: new Set<string>(), result: new Set<string>() };
  for (const row of rows) inserted[row.type].add(eventKey(row));
  return inserted;
}

/** Fingerprints of clicks or results that stand in the store, by event key. */
export async function activityFingerprints(
  client: pg.ClientBase,
  table: 'clicks' | 'results',
  ids: readonly { readonly call_id: string; readonly event_id: string }[],
): Promise<Map<string, Buffer>> {
  const { rows } = await client.query<{ call_id: string; event_id: string; fingerprint: Buffer }>({
    ...FINGERPRINTS[table],
    values: [ids.map((id) => id.call_id), ids.map((id) => id.event_id)],
  });
  return new Map(rows.map((row) => [eventKey(row), row.fingerprint]));
}
