/** Names that bots use for our fields, for the "did you mean" of an unknown field. */
import { nearestName, snakeCase } from '../lib/nearest-name.js';
import type { EventType } from './identity.js';

const CALL_ALIASES: Readonly<Record<string, string>> = {
  id: 'call_id',
  event_id: 'call_id',
  alert_id: 'call_id',
  alert_type: 'call_type',
  bet_type: 'call_type',
  bookmaker: 'book_a',
  bookmaker_a: 'book_a',
  bookmaker_b: 'book_b',
  bookmaker_1: 'book_a',
  bookmaker_2: 'book_b',
  book: 'book_a',
  book_1: 'book_a',
  book_2: 'book_b',
  sportsbook_a: 'book_a',
  sportsbook_b: 'book_b',
  odds: 'odds_a',
  odds_1: 'odds_a',
  odds_2: 'odds_b',
  price_a: 'odds_a',
  price_b: 'odds_b',
  format: 'odds_format',
  roi: 'roi_percent',
  roi_pct: 'roi_percent',
  roi_percentage: 'roi_percent',
  profit_percent: 'roi_percent',
  profit: 'profit_expected',
  expected_profit: 'profit_expected',
  market_type: 'market',
  home_team: 'team_a',
  away_team: 'team_b',
  team_1: 'team_a',
  team_2: 'team_b',
  home: 'team_a',
  away: 'team_b',
  tournament: 'league',
  competition: 'league',
  date: 'match_date',
  game_date: 'match_date',
  start_time: 'commence_time',
  kickoff: 'commence_time',
  stake: 'stake_a',
  stake_1: 'stake_a',
  stake_2: 'stake_b',
  timestamp: 'sent_at',
  created_at: 'sent_at',
  alerted_at: 'sent_at',
  expires: 'expires_at',
  expiry: 'expires_at',
  users: 'notified_user_ids',
  user_ids: 'notified_user_ids',
  notified_users: 'notified_user_ids',
  metadata: 'raw',
  meta: 'raw',
  extra: 'raw',
};

const CLICK_ALIASES: Readonly<Record<string, string>> = {
  id: 'event_id',
  click_id: 'event_id',
  alert_id: 'call_id',
  user: 'user_id',
  telegram_id: 'user_id',
  button: 'action',
  click_type: 'action',
  timestamp: 'clicked_at',
  created_at: 'clicked_at',
};

const RESULT_ALIASES: Readonly<Record<string, string>> = {
  id: 'event_id',
  result_id: 'event_id',
  alert_id: 'call_id',
  result: 'outcome',
  status: 'outcome',
  profit: 'profit_actual',
  actual_profit: 'profit_actual',
  closing_odds_a: 'closing_line_a',
  closing_odds_b: 'closing_line_b',
  closing_a: 'closing_line_a',
  closing_b: 'closing_line_b',
  clv: 'clv_a',
  speed: 'line_movement_speed',
  line_speed: 'line_movement_speed',
  timestamp: 'settled_at',
  resolved_at: 'settled_at',
};

// Maps, since a sender may well ask for `constructor`.
const ALIASES: Readonly<Record<EventType, ReadonlyMap<string, string>>> = {
  call: new Map(Object.entries(CALL_ALIASES)),
  click: new Map(Object.entries(CLICK_ALIASES)),
  result: new Map(Object.entries(RESULT_ALIASES)),
};

/** The field of the event that an unknown name probably means. */
export function didYouMean(type: EventType, name: string, fields: readonly string[]): string | undefined {
  if (name.length > 64) return undefined;
  return ALIASES[type].get(snakeCase(name)) ?? nearestName(name, fields);
}
