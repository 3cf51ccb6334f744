import { type SQL, sql } from 'drizzle-orm';
import { arbitrageCalls, callUsers, clicks } from '../../schema/index.js';
import { asParameter, type CallFilters } from '../filters.js';
import type { RowSource } from './rows.js';

/*
 * A pair is a call and one of the users who clicked on it; with the filter `user_id`, that user. The clicks of a call
 * that have no user make one pair, with a null for the user, in which each click counts as a user.
 */

const pairs = sql.identifier('pairs');

export const userOfPair = sql`${pairs}.user_id`;

/** All that is known of pairs, each in one row. */
export function clickPairs(filters: CallFilters): RowSource {
  return pairSource(filters, pairsOfClicks(ofUser(filters)));
}

/**
 * The rows that sums over pairs are made of, in several sources, each of which several processes can share. Pairs stand
 * in a table of their own, and clicks can be counted without putting those of a pair together.
 */
export function pairParts(filters: CallFilters, withClicks: boolean): RowSource[] {
  const sources = [pairSource(filters, knownPairs(ofUser(filters)))];
  if (filters.user_id === undefined) sources.push(pairSource(filters, pairsOfClicks(sql`user_id is null`)));
  if (withClicks) sources.push({ ...pairSource(filters, singleClicks(ofUser(filters))), only: ['clicks'] });
  return sources;
}

function pairSource(filters: CallFilters, from: SQL): RowSource {
  return {
    from: sql`${arbitrageCalls} join (${from}) as ${pairs} on ${pairs}.call_id = ${arbitrageCalls.call_id}`,
    clicksOf: sql`${pairs}`,
    // The pairs are the user's already.
    filters: { ...filters, user_id: undefined },
  };
}

function ofUser({ user_id }: CallFilters): SQL {
  return user_id === undefined ? sql`true` : sql`user_id = ${asParameter(user_id, 'text')}`;
}

function pairsOfClicks(condition: SQL): SQL {
  const bets = sql`count(*) filter (where action = 'bet')`;
  return sql`
    select
      call_id,
      user_id,
      count(*) as clicks,
      case when user_id is null then count(*) else 1 end as users_clicked,
      case when user_id is null then ${bets} else least(${bets}, 1) end as users_bet,
      min(clicked_at) as first_clicked_at,
      max(clicked_at) as last_clicked_at
    from ${clicks}
    where ${condition}
    group by call_id, user_id`;
}

function knownPairs(condition: SQL): SQL {
  return sql`
    select
      call_id,
      user_id,
      null::bigint as clicks,
      1 as users_clicked,
      bet::integer as users_bet,
      null::timestamptz as first_clicked_at,
      null::timestamptz as last_clicked_at
    from ${callUsers}
    where ${condition}`;
}

/** Without those that have no user: their pairs come whole. */
function singleClicks(condition: SQL): SQL {
  return sql`
    select
      call_id,
      user_id,
      1 as clicks,
      null::integer as users_clicked,
      null::integer as users_bet,
      clicked_at as first_clicked_at,
      clicked_at as last_clicked_at
    from ${clicks}
    where user_id is not null and ${condition}`;
}
