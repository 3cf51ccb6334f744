/**
 * Events as the store takes them: flat, one key per column, every default applied, absent = null.
 * Numbers are the doubles that were sent, dates are `YYYY-MM-DD`.
 */
import type { UtcTime } from '../lib/time.js';
import type { CallType, OddsFormat } from './call.js';
import type { ClickAction } from './click.js';
import type { LineMovementSpeed, Outcome } from './result.js';

export interface CallRow {
  readonly call_id: string;
  readonly call_type: CallType;
  readonly sport: string | null;
  readonly league: string | null;
  readonly team_a: string | null;
  readonly team_b: string | null;
  readonly match_date: string | null;
  readonly commence_time: UtcTime | null;
  readonly book_a: string;
  /** Never null for an arbitrage or a middle; the same holds for `odds_b`. */
  readonly book_b: string | null;
  readonly market: string | null;
  readonly odds_a: number;
  readonly odds_b: number | null;
  readonly odds_format: OddsFormat;
  readonly roi_percent: number;
  readonly stake_a: number | null;
  readonly stake_b: number | null;
  readonly total_stake: number | null;
  readonly profit_expected: number | null;
  readonly sent_at: UtcTime;
  readonly expires_at: UtcTime | null;
  readonly users_notified: number;
  readonly notified_user_ids: readonly string[] | null;
  readonly source: string | null;
  /** The text of a JSON object. */
  readonly raw: string | null;
  readonly received_at: UtcTime;
}

export interface ClickRow {
  readonly call_id: string;
  readonly event_id: string;
  readonly user_id: string | null;
  readonly action: ClickAction;
  readonly clicked_at: UtcTime;
  readonly received_at: UtcTime;
}

export interface ResultRow {
  readonly call_id: string;
  readonly event_id: string;
  /** Whether the event carries the settlement part: `outcome`, `profit_actual`. */
  readonly has_settlement: boolean;
  readonly outcome: Outcome | null;
  readonly profit_actual: number | null;
  /** Whether the event carries the closing part: the lines, CLVs, speed and `closed_at`. */
  readonly has_closing: boolean;
  readonly closing_line_a: number | null;
  readonly closing_line_b: number | null;
  readonly clv_a: number | null;
  readonly clv_b: number | null;
  readonly line_movement_speed: LineMovementSpeed | null;
  readonly closed_at: UtcTime | null;
  readonly settled_at: UtcTime;
  readonly received_at: UtcTime;
}

export type StoredEvent =
  | { readonly type: 'call'; readonly row: CallRow }
  | { readonly type: 'click'; readonly row: ClickRow }
  | { readonly type: 'result'; readonly row: ResultRow };
