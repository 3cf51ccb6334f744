import { eq, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { pgView } from 'drizzle-orm/pg-core';
import { callStates } from './call-states.js';
import { calls } from './calls.js';

/** What the view needs to know of a call's state: from `call_states`, or as it stood at some time. */
export type CallState = Readonly<
  Record<
    | 'clicks'
    | 'users_clicked'
    | 'users_bet'
    | 'first_clicked_at'
    | 'last_clicked_at'
    | 'outcome'
    | 'profit_actual'
    | 'settled_at'
    | 'closing_line_a'
    | 'closing_line_b'
    | 'clv_a'
    | 'clv_b'
    | 'line_movement_speed'
    | 'closed_at',
    SQLWrapper
  >
>;

/**
 * Decimal odds: American +150 → 1 + 150/100 = 2.5, −200 → 1 + 100/200 = 1.5; null for a price that makes no sense in
 * the format (American between −100 and 100, decimal of at most 1). Source: the definition of the two formats.
 */
const decimalOdds = (odds: SQLWrapper): SQL => sql`
  case
    when ${calls.odds_format} = 'decimal' then case when ${odds} > 1 then ${odds} end
    when ${odds} >= 100 then 1 + ${odds} / 100
    when ${odds} <= -100 then 1 - 100 / ${odds}
  end`;

/** Closing line value in percent: (decimal odds ÷ decimal closing odds − 1) × 100, unless the sender stated it. */
const clv = (stated: SQLWrapper, odds: PgColumn, closing: SQLWrapper): SQL =>
  sql`coalesce(${stated}, (${decimalOdds(odds)} / ${decimalOdds(closing)} - 1) * 100)`;

const numberOrNull = (value: SQL, name: string): SQL.Aliased<number | null> =>
  sql<number | null>`${value}`.mapWith(Number).as(name);

/** The columns that are computed from a call and its state. */
export function computedColumns(state: CallState) {
  return {
    odds_a_decimal: numberOrNull(decimalOdds(calls.odds_a), 'odds_a_decimal'),
    odds_b_decimal: numberOrNull(decimalOdds(calls.odds_b), 'odds_b_decimal'),
    // (1 / (1/a + 1/b) − 1) × 100 in decimal odds: the return of stakes split for an equal payout.
    roi_implied_percent: numberOrNull(
      sql`(1 / (1 / (${decimalOdds(calls.odds_a)}) + 1 / (${decimalOdds(calls.odds_b)})) - 1) * 100`,
      'roi_implied_percent',
    ),
    clicks: sql<number>`coalesce(${state.clicks}, 0)`.as('clicks'),
    users_clicked: sql<number>`coalesce(${state.users_clicked}, 0)`.as('users_clicked'),
    users_bet: sql<number>`coalesce(${state.users_bet}, 0)`.as('users_bet'),
    conversion_percent: numberOrNull(
      sql`coalesce(${state.users_clicked}, 0) * 100.0 / nullif(${calls.users_notified}, 0)`,
      'conversion_percent',
    ),
    clv_a: numberOrNull(clv(state.clv_a, calls.odds_a, state.closing_line_a), 'clv_a'),
    clv_b: numberOrNull(clv(state.clv_b, calls.odds_b, state.closing_line_b), 'clv_b'),
  };
}

const computed = computedColumns(callStates);

/** One row per call with all that came of it: what analysts query, and what the read routes answer from. */
export const arbitrageCalls = pgView('arbitrage_calls').as((db) =>
  db
    .select({
      call_id: calls.call_id,
      call_type: calls.call_type,
      sport: calls.sport,
      league: calls.league,
      team_a: calls.team_a,
      team_b: calls.team_b,
      match_date: calls.match_date,
      commence_time: calls.commence_time,
      book_a: calls.book_a,
      book_b: calls.book_b,
      market: calls.market,
      odds_a: calls.odds_a,
      odds_b: calls.odds_b,
      odds_format: calls.odds_format,
      odds_a_decimal: computed.odds_a_decimal,
      odds_b_decimal: computed.odds_b_decimal,
      roi_percent: calls.roi_percent,
      roi_implied_percent: computed.roi_implied_percent,
      stake_a: calls.stake_a,
      stake_b: calls.stake_b,
      total_stake: calls.total_stake,
      profit_expected: calls.profit_expected,
      sent_at: calls.sent_at,
      expires_at: calls.expires_at,
      users_notified: calls.users_notified,
      notified_user_ids: calls.notified_user_ids,
      clicks: computed.clicks,
      users_clicked: computed.users_clicked,
      users_bet: computed.users_bet,
      conversion_percent: computed.conversion_percent,
      first_clicked_at: callStates.first_clicked_at,
      last_clicked_at: callStates.last_clicked_at,
      outcome: callStates.outcome,
      profit_actual: callStates.profit_actual,
      settled_at: callStates.settled_at,
      closing_line_a: callStates.closing_line_a,
      closing_line_b: callStates.closing_line_b,
      clv_a: computed.clv_a,
      clv_b: computed.clv_b,
      line_movement_speed: callStates.line_movement_speed,
      closed_at: callStates.closed_at,
      source: calls.source,
      raw: calls.raw,
      received_at: calls.received_at,
    })
    .from(calls)
    .leftJoin(callStates, eq(callStates.call_id, calls.call_id)),
);
