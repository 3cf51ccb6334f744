/** The call: one alert sent to users. */
import { Type } from 'typebox';
import type { Static } from 'typebox';
import {
  MAX_NOTIFIED_USERS,
  MAX_RAW_BYTES,
  MAX_RAW_DEPTH,
  anyObject,
  choice,
  count,
  date,
  event,
  impliedType,
  number,
  optional,
  ownId,
  requiredText,
  statedType,
  text,
  time,
  userList,
} from './fields.js';

export const CALL_TYPES = ['arbitrage', 'middle', 'good_ev'] as const;
export type CallType = (typeof CALL_TYPES)[number];

export const ODDS_FORMATS = ['american', 'decimal'] as const;
export type OddsFormat = (typeof ODDS_FORMATS)[number];

const fields = {
  call_id: ownId('oa-NHL-20251022-cd7d985f34'),
  call_type: choice(
    CALL_TYPES,
    'arbitrage: the same line at two books, profit whoever wins. middle: different lines at two books, both sides can win. good_ev: one price better than the fair one.',
  ),
  sport: optional(text('Sport.', 'icehockey', 'tennis')),
  league: optional(text('League or tournament.', 'NHL', 'ATP')),
  team_a: optional(text('Home team, or first player.', 'Calgary Flames')),
  team_b: optional(text('Away team, or second player.', 'Montréal Canadiens')),
  match_date: optional(
    date('Day of the match at its place, YYYY-MM-DD. Never shifted by a time zone.', '2025-10-22'),
  ),
  commence_time: optional(time('Start of the match.', '2025-10-23T00:30:00Z')),
  market: optional(
    text('Market and line; side a is over, home or the named selection.', 'total_5.5/6', 'moneyline'),
  ),
  book_a: requiredText('Bookmaker of side a.', 'Caesars'),
  book_b: optional(text('Bookmaker of side b. Required for arbitrage and middle.', 'BetMGM')),
  odds_a: number('Price at book_a, in odds_format: American is ≤ -100 or ≥ 100, decimal is > 1.', -130, 154),
  odds_b: optional(number('Price at book_b, like odds_a. Required for arbitrage and middle.', -115)),
  odds_format: optional(
    choice(
      ODDS_FORMATS,
      'Format of every price of this call and of its closing lines; american when absent.',
    ),
  ),
  roi_percent: number(
    'Return promised by the alert, in percent of all stakes. A middle counts one side winning.',
    2.7668,
    -9.0993,
  ),
  stake_a: optional(number('Stake at book_a.', 385.34)),
  stake_b: optional(number('Stake at book_b.', 364.66)),
  total_stake: optional(number('All stakes; the sum of stake_a and stake_b when absent.', 750)),
  profit_expected: optional(number('Profit the alert promises, in the currency of the stakes.', 20.75)),
  sent_at: optional(
    time(
      'When users were alerted; when received, if absent. At most 24 hours in the future.',
      '2025-10-22T05:01:19Z',
      '2025-10-22T01:01:19.250731-04:00',
    ),
  ),
  expires_at: optional(
    time('When the prices are expected to be gone; not before sent_at.', '2025-10-22T05:31:19Z'),
  ),
  users_notified: optional(
    count(
      'How many users were alerted; the length of notified_user_ids when absent, else 0. Must agree with it.',
      3,
    ),
  ),
  notified_user_ids: optional(
    userList(`Which users were alerted: at most ${MAX_NOTIFIED_USERS}, each once.`, ['u166', 'u395', 'u346']),
  ),
  source: optional(text('What found the call; the name of the API key when absent.', 'odds-api')),
  raw: optional(
    anyObject(
      `Anything else the sender wants kept: at most ${MAX_RAW_BYTES} bytes of JSON without white space, ${MAX_RAW_DEPTH} levels deep.`,
      { alert_message_id: 48213, edge: { model: 'v3', fair_odds: 1.98 } },
    ),
  ),
};

const DESCRIPTION = 'One alert sent to users: an arbitrage, middle or good_ev bet.';

const EXAMPLE = {
  call_id: 'oa-NHL-20251022-cd7d985f34',
  call_type: 'middle',
  sport: 'icehockey',
  league: 'NHL',
  team_a: 'Calgary Flames',
  team_b: 'Montréal Canadiens',
  match_date: '2025-10-22',
  commence_time: '2025-10-23T00:30:00Z',
  market: 'total_5.5/6',
  book_a: 'Caesars',
  book_b: 'BetMGM',
  odds_a: -130,
  odds_b: -115,
  odds_format: 'american',
  stake_a: 385.34,
  stake_b: 364.66,
  profit_expected: -68.24,
  roi_percent: -9.0993,
  sent_at: '2025-10-22T05:01:19Z',
  users_notified: 50,
  source: 'odds-api',
};

/** Body of the route for one call. */
export const Call = Type.Object(
  { type: impliedType('call'), ...fields },
  event('Call', DESCRIPTION, EXAMPLE),
);
export type Call = Static<typeof Call>;

/** A call among other events. */
export const CallEvent = Type.Object(
  { type: statedType('call'), ...fields },
  event('CallEvent', DESCRIPTION, { type: 'call', ...EXAMPLE }),
);
export type CallEvent = Static<typeof CallEvent>;
