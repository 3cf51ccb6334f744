/**
 * The SQL of a fill. Copy number n of the source's calls gets the rank n modulo their count, so that any stretch of
 * copies has the mix of the whole; it is moved by whole days into the week it is for, keeping weekday and time of day,
 * and by up to an hour more, so that copies in one week are not all sent at the same instants.
 */
import { getTableColumns } from 'drizzle-orm';
import { calls, callStates, callUsers, clicks, results } from '../../src/store/schema/index.js';
import { SOURCE_SCHEMA } from './fill-source.js';

export const RANK_SOURCE = `
  create table ${SOURCE_SCHEMA}.ranked as
  select call_id, row_number() over (order by md5(call_id)) - 1 as rank, date_trunc('week', sent_at)::date as monday
  from ${SOURCE_SCHEMA}.calls`;

const source = (column: string): string => `source.${column}`;
/** With the match: by whole days. */
const withMatch = (column: string): string => `source.${column} + copy.match_moved`;
/** With the call: up to an hour less. */
const withCall = (column: string): string => `source.${column} + copy.call_moved`;
const numbered = (column: string): string => `source.${column} || copy.suffix`;

/** Statements that take: first and last copy number, calls in the source, Monday of the week. */
const copied = (
  [name, table]: readonly [string, Parameters<typeof getTableColumns>[0]],
  changes: Readonly<Record<string, (column: string) => string>>,
  order: string,
): string => {
  const columns = Object.keys(getTableColumns(table));
  const values = columns.map((column) => (changes[column] ?? source)(column));
  return `
    with copy as (
      select
        call_id,
        '-' || n / $3 as suffix,
        make_interval(days => $4::date - monday) as match_moved,
        make_interval(days => $4::date - monday, secs => -(n * 7919 % 3600)) as call_moved
      from generate_series($1::bigint, $2::bigint) as n
      join ${SOURCE_SCHEMA}.ranked on rank = n % $3
    )
    insert into public.${name} (${columns.join(', ')})
    select ${values.join(', ')}
    from copy join ${SOURCE_SCHEMA}.${name} as source using (call_id)
    order by ${order}`;
};

const call_id = numbered;
const event_id = numbered;
const received_at = withCall;

/** In two lists that can run beside each other. */
export const COPY_CALLS = [
  copied(
    ['calls', calls],
    {
      call_id,
      match_date: (column) => `(${withMatch(column)})::date`,
      commence_time: withMatch,
      sent_at: withCall,
      expires_at: withCall,
      received_at,
    },
    withCall('sent_at'),
  ),
  copied(
    ['results', results],
    {
      call_id,
      event_id,
      settled_at: withMatch,
      closed_at: withCall,
      received_at: withMatch,
    },
    withMatch('received_at'),
  ),
  copied(
    ['call_states', callStates],
    {
      call_id,
      first_clicked_at: withCall,
      last_clicked_at: withCall,
      settled_at: withMatch,
      settlement_event_id: numbered,
      closing_settled_at: withMatch,
      closing_event_id: numbered,
      closed_at: withCall,
    },
    numbered('call_id'),
  ),
];
export const COPY_CLICKS = [
  copied(
    ['clicks', clicks],
    { call_id, event_id, clicked_at: withCall, received_at },
    withCall('received_at'),
  ),
  copied(['call_users', callUsers], { call_id }, numbered('call_id')),
];

/** Counts the rows of derived tables that the events do not bear out, and those that are missing. */
export const COUNT_UNTRUE_STATES = `
  with clicked as (
    select
      call_id,
      count(*) as clicks,
      count(distinct user_id) + count(*) filter (where user_id is null) as users_clicked,
      count(distinct user_id) filter (where action = 'bet')
        + count(*) filter (where user_id is null and action = 'bet') as users_bet,
      min(clicked_at) as first_clicked_at,
      max(clicked_at) as last_clicked_at
    from clicks group by call_id
  ),
  settled as (
    select distinct on (call_id) call_id, settled_at, event_id as settlement_event_id, outcome, profit_actual
    from results where has_settlement order by call_id, settled_at desc, event_id desc
  ),
  closed as (
    select distinct on (call_id)
      call_id, settled_at as closing_settled_at, event_id as closing_event_id,
      closing_line_a, closing_line_b, clv_a, clv_b, line_movement_speed, closed_at
    from results where has_closing order by call_id, settled_at desc, event_id desc
  ),
  wanted as (
    select
      call_id, coalesce(clicks, 0) as clicks, coalesce(users_clicked, 0) as users_clicked,
      coalesce(users_bet, 0) as users_bet, first_clicked_at, last_clicked_at,
      settled_at, settlement_event_id, outcome, profit_actual, closing_settled_at, closing_event_id,
      closing_line_a, closing_line_b, clv_a, clv_b, line_movement_speed, closed_at
    from clicked full join settled using (call_id) full join closed using (call_id)
  )
  select count(*) as rows
  from call_states as state full join wanted using (call_id)
  where (
      state.clicks, state.users_clicked, state.users_bet, state.first_clicked_at, state.last_clicked_at,
      state.settled_at, state.settlement_event_id, state.outcome, state.profit_actual, state.closing_settled_at,
      state.closing_event_id, state.closing_line_a, state.closing_line_b, state.clv_a, state.clv_b,
      state.line_movement_speed, state.closed_at)
    is distinct from (
      wanted.clicks, wanted.users_clicked, wanted.users_bet, wanted.first_clicked_at, wanted.last_clicked_at,
      wanted.settled_at, wanted.settlement_event_id, wanted.outcome, wanted.profit_actual, wanted.closing_settled_at,
      wanted.closing_event_id, wanted.closing_line_a, wanted.closing_line_b, wanted.clv_a, wanted.clv_b,
      wanted.line_movement_speed, wanted.closed_at)`;

export const COUNT_UNTRUE_USERS = `
  select count(*) as rows
  from call_users as known
  full join (
    select call_id, user_id, bool_or(action = 'bet') as bet
    from clicks where user_id is not null group by call_id, user_id
  ) as wanted using (call_id, user_id)
  where known.bet is distinct from wanted.bet`;

export const MEASURE_TABLES = `
  select
    relname as name,
    count.rows,
    pg_table_size(oid) as table_bytes,
    pg_indexes_size(oid) as index_bytes,
    pg_total_relation_size(oid) as bytes
  from pg_class
  join (
    select 'calls' as name, count(*) as rows from calls
    union all select 'call_states', count(*) from call_states
    union all select 'clicks', count(*) from clicks
    union all select 'call_users', count(*) from call_users
    union all select 'results', count(*) from results
  ) as count on count.name = relname
  where relnamespace = 'public'::regnamespace
  order by array_position(array['calls', 'call_states', 'clicks', 'call_users', 'results'], relname::text)`;
