import type pg from 'pg';

/**
 * What call_states and call_users say and clicks and results do not, or the other way round: one line each, none when all
 * is well. Derived in another way than anything in src: from each event, by counting those that are greater.
 */
export async function contradictions(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(ORACLE);
  return rows.map(({ line }) => line);
}

const inForce = (part: string, columns: string): string => `
  (select jsonb_build_array(r.settled_at, r.event_id, ${columns}) from results r
   where r.call_id = ids.call_id and r.${part} and not exists (
     select from results later
     where later.call_id = r.call_id and later.${part}
       and (later.settled_at, later.event_id) > (r.settled_at, r.event_id)))`;
const SETTLEMENT = 'outcome, profit_actual';
const CLOSING = 'closing_line_a, closing_line_b, clv_a, clv_b, line_movement_speed, closed_at';

const ORACLE = `
  with ids as (select call_id from clicks union select call_id from results),
  expected as (
    select call_id,
      (select count(*) from clicks k where k.call_id = ids.call_id)::int as clicks,
      (select count(distinct coalesce('user ' || user_id, 'event ' || event_id)) from clicks k
       where k.call_id = ids.call_id)::int as users_clicked,
      (select count(distinct coalesce('user ' || user_id, 'event ' || event_id)) from clicks k
       where k.call_id = ids.call_id and action = 'bet')::int as users_bet,
      (select min(clicked_at) from clicks k where k.call_id = ids.call_id) as first_clicked_at,
      (select max(clicked_at) from clicks k where k.call_id = ids.call_id) as last_clicked_at,
      ${inForce('has_settlement', SETTLEMENT)} as settlement,
      ${inForce('has_closing', CLOSING)} as closing
    from ids
  ),
  found as (
    select call_id, clicks, users_clicked, users_bet, first_clicked_at, last_clicked_at,
      case when settled_at is not null
        then jsonb_build_array(settled_at, settlement_event_id, ${SETTLEMENT}) end as settlement,
      case when closing_settled_at is not null
        then jsonb_build_array(closing_settled_at, closing_event_id, ${CLOSING}) end as closing
    from call_states
  ),
  users as (
    select call_id, user_id, max((action = 'bet')::int) = 1 as bet from clicks where user_id is not null
    group by call_id, user_id
  )
  select 'state ' || call_id || ': ' || coalesce(to_json(found)::text, 'none') || ', events say '
    || coalesce(to_json(expected)::text, 'none') as line
  from found full join expected using (call_id)
  where to_jsonb(found) is distinct from to_jsonb(expected)
  union all
  select 'user ' || call_id || ' ' || user_id || ': ' || coalesce(call_users.bet::text, 'none') || ', clicks say '
    || coalesce(users.bet::text, 'none')
  from call_users full join users using (call_id, user_id)
  where call_users.bet is distinct from users.bet`;
