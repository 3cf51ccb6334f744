import { type SQL, sql } from 'drizzle-orm';
import type { UtcTime } from '../../lib/time.js';
import { arbitrageCalls, callUsers, clicks } from '../schema/index.js';

/** Which calls a question is about. Every filter that is there has to hold; names are those of the API. */
export interface CallFilters {
  readonly call_type?: string | undefined;
  readonly sport?: string | undefined;
  readonly league?: string | undefined;
  readonly market?: string | undefined;
  /** On either side. */
  readonly book?: string | undefined;
  /** On either side. */
  readonly team?: string | undefined;
  readonly source?: string | undefined;
  readonly outcome?: string | undefined;
  /** Who clicked on the call at least once. */
  readonly user_id?: string | undefined;
  /** Percent, inclusive. */
  readonly min_roi?: number | undefined;
  /** Percent, exclusive. */
  readonly max_roi?: number | undefined;
  /** Of sent_at, inclusive. */
  readonly from?: UtcTime | undefined;
  /** Of sent_at, exclusive. */
  readonly to?: UtcTime | undefined;
}

type BindType = 'text' | 'numeric' | 'timestamptz';

/** Brings a value from a request into a statement, never as a part of its text. */
export type Bind = (value: string | number, type: BindType) => SQL;

/** As a parameter of the statement. */
export const asParameter: Bind = (value, type) => sql`${value}::${sql.raw(type)}`;

/** The filters as conditions on `arbitrage_calls`, or on `callsAsOf`, where `asOf` has to be given too. */
export function conditionsOf(filters: CallFilters, bind: Bind, asOf?: SQL): SQL[] {
  const { call_type, sport, league, market, book, team, source, outcome } = filters;
  const { user_id, min_roi, max_roi, from, to } = filters;
  const c = arbitrageCalls;
  const conditions: SQL[] = [];
  if (call_type !== undefined) conditions.push(sql`${c.call_type} = ${bind(call_type, 'text')}`);
  if (sport !== undefined) conditions.push(sql`${c.sport} = ${bind(sport, 'text')}`);
  if (league !== undefined) conditions.push(sql`${c.league} = ${bind(league, 'text')}`);
  if (market !== undefined) conditions.push(sql`${c.market} = ${bind(market, 'text')}`);
  if (book !== undefined) conditions.push(sql`${bind(book, 'text')} in (${c.book_a}, ${c.book_b})`);
  if (team !== undefined) conditions.push(sql`${bind(team, 'text')} in (${c.team_a}, ${c.team_b})`);
  if (source !== undefined) conditions.push(sql`${c.source} = ${bind(source, 'text')}`);
  if (outcome !== undefined) conditions.push(sql`${c.outcome} = ${bind(outcome, 'text')}`);
  if (user_id !== undefined) conditions.push(clickedBy(bind(user_id, 'text'), asOf));
  if (min_roi !== undefined) conditions.push(sql`${c.roi_percent} >= ${bind(min_roi, 'numeric')}`);
  if (max_roi !== undefined) conditions.push(sql`${c.roi_percent} < ${bind(max_roi, 'numeric')}`);
  if (from !== undefined) conditions.push(sql`${c.sent_at} >= ${bind(from, 'timestamptz')}`);
  if (to !== undefined) conditions.push(sql`${c.sent_at} < ${bind(to, 'timestamptz')}`);
  return conditions;
}

/** `where …`, or nothing when there are no conditions. */
export function where(conditions: readonly SQL[]): SQL {
  return conditions.length === 0 ? sql`` : sql`where ${sql.join([...conditions], sql` and `)}`;
}

/**
 * The user's calls are looked up first, by a pass over a narrow table: left to itself the planner walks through calls
 * from the newest on, asking of each whether the user clicked on it, and for a rare user never stops.
 */
function clickedBy(user: SQL, asOf: SQL | undefined): SQL {
  const chosen =
    asOf === undefined
      ? sql`select call_id from ${callUsers} where ${callUsers.user_id} = ${user}`
      : sql`select call_id from ${clicks} where ${clicks.user_id} = ${user} and ${clicks.received_at} <= ${asOf}`;
  return sql`${arbitrageCalls.call_id} in (with chosen as materialized (${chosen}) select call_id from chosen)`;
}
