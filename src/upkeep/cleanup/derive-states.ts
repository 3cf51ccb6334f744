import type pg from 'pg';

/**
 * Writes call_users and call_states of calls that have neither, from their clicks and results: what store/write/activity.ts
 * comes to, event by event, all at once.
 */
export async function deriveStates(client: pg.ClientBase, callIds: readonly string[]): Promise<void> {
  await client.query(
    `insert into call_users (call_id, user_id, bet)
     select call_id, user_id, bool_or(action = 'bet')
     from clicks
     where call_id = any ($1::text[]) and user_id is not null
     group by call_id, user_id
     order by call_id, user_id`,
    [callIds],
  );
  await client.query(
    `with click_totals as (
       select call_id,
         count(*) as clicks,
         count(distinct user_id) + count(*) filter (where user_id is null) as users_clicked,
         count(distinct user_id) filter (where action = 'bet')
           + count(*) filter (where user_id is null and action = 'bet') as users_bet,
         min(clicked_at) as first_clicked_at,
         max(clicked_at) as last_clicked_at
       from clicks
       where call_id = any ($1::text[])
       group by call_id
     ),
     settlements as (
       select distinct on (call_id) call_id, settled_at, event_id as settlement_event_id, outcome, profit_actual
       from results
       where call_id = any ($1::text[]) and has_settlement
       order by call_id, settled_at desc, event_id desc
     ),
     closings as (
       select distinct on (call_id) call_id, settled_at as closing_settled_at, event_id as closing_event_id,
         closing_line_a, closing_line_b, clv_a, clv_b, line_movement_speed, closed_at
       from results
       where call_id = any ($1::text[]) and has_closing
       order by call_id, settled_at desc, event_id desc
     )
     insert into call_states (
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
     order by call_id`,
    [callIds],
  );
}
