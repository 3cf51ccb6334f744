import { eq, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { pgView } from 'drizzle-orm/pg-core';
import { callStates } from './call-states.js';
import { calls } from './calls.js';

/**
 * Decimal odds: American +150 → 1 + 150/100 = 2.5, −200 → 1 + 100/200 = 1.5; null for a price that makes no sense in
 * the format (American between −100 and 100, decimal of at most 1). Source: the definition of the two formats.
 */
const decimalOdds = (odds: PgColumn): SQL => sql`
  case
    when ${calls.odds_format} = 'decimal' then case when ${odds} > 1 then ${odds} end
    when ${odds} >= 100 then 1 + ${odds} / 100
    when ${odds} <= -100 then 1 - 100 / ${odds}
  end`;

/** Closing line value in percent: (decimal odds ÷ decimal closing odds − 1) × 100, unless the sender stated it. */
const clv = (stated: PgColumn, odds: PgColumn, closing: PgColumn): SQL =>
  sql`coalesce(${stated}, (${decimalOdds(odds)} / ${decimalOdds(closing)} - 1) * 100)`;

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
      odds_a_decimal: sql<number | null>`${decimalOdds(calls.odds_a)}`.mapWith(Number).as('odds_a_decimal'),
      odds_b_decimal: sql<number | null>`${decimalOdds(calls.odds_b)}`.mapWith(Number).as('odds_b_decimal'),
      roi_percent: calls.roi_percent,
      // (1 / (1/a + 1/b) − 1) × 100 in decimal odds: the return of stakes split for an equal payout.
      roi_implied_percent: sql<
        number | null
      >`(1 / (1 / (${decimalOdds(calls.odds_a)}) + 1 / (${decimalOdds(calls.odds_b)})) - 1) * 100`
        .mapWith(Number)
        .as('roi_implied_percent'),
      stake_a: calls.stake_a,
      stake_b: calls.stake_b,
      total_stake: calls.total_stake,
      profit_expected: calls.profit_expected,
      sent_at: calls.sent_at,
      expires_at: calls.expires_at,
      users_notified: calls.users_notified,
      notified_user_ids: calls.notified_user_ids,
      clicks: sql<number>`coalesce(${callStates.clicks}, 0)`.as('clicks'),
      users_clicked: sql<number>`coalesce(${callStates.users_clicked}, 0)`.as('users_clicked'),
      users_bet: sql<number>`coalesce(${callStates.users_bet}, 0)`.as('users_bet'),
      conversion_percent: sql<
        number | null
      >`coalesce(${callStates.users_clicked}, 0) * 100.0 / nullif(${calls.users_notified}, 0)`
        .mapWith(Number)
        .as('conversion_percent'),
      first_clicked_at: callStates.first_clicked_at,
      last_clicked_at: callStates.last_clicked_at,
      outcome: callStates.outcome,
      profit_actual: callStates.profit_actual,
      settled_at: callStates.settled_at,
      closing_line_a: callStates.closing_line_a,
      closing_line_b: callStates.closing_line_b,
      clv_a: sql<number | null>`${clv(callStates.clv_a, calls.odds_a, callStates.closing_line_a)}`
        .mapWith(Number)
        .as('clv_a'),
      clv_b: sql<number | null>`${clv(callStates.clv_b, calls.odds_b, callStates.closing_line_b)}`
        .mapWith(Number)
        .as('clv_b'),
      line_movement_speed: callStates.line_movement_speed,
      closed_at: callStates.closed_at,
      source: calls.source,
      raw: calls.raw,
      received_at: calls.received_at,
    })
    .from(calls)
    .leftJoin(callStates, eq(callStates.call_id, calls.call_id)),
);
