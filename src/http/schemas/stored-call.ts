/** The row of the view `arbitrage_calls`, and the history of results behind it. */
import { type Static, type TSchema, Type } from 'typebox';
import { CALL_TYPES, ODDS_FORMATS } from '../../events/call.js';
import { LINE_MOVEMENT_SPEEDS, OUTCOMES } from '../../events/result.js';

const text = (description: string, ...examples: string[]) => Type.String({ description, examples });
const textOrNull = (description: string, ...examples: string[]) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description, examples });
const number = (description: string, ...examples: number[]) => Type.Number({ description, examples });
const numberOrNull = (description: string, ...examples: number[]) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], description, examples });
const time = (description: string, ...examples: string[]) =>
  Type.String({ description: `${description} UTC, to the microsecond.`, examples });
const timeOrNull = (description: string, ...examples: string[]) =>
  textOrNull(`${description} UTC, to the microsecond.`, ...examples);
const count = (description: string, ...examples: number[]) =>
  Type.Integer({ minimum: 0, description, examples });

const settlement = {
  outcome: textOrNull(`Which side won: ${OUTCOMES.join(', ')}.`, 'b_won'),
  profit_actual: numberOrNull('Profit made, in the currency of the stakes.', -68.24),
};
const closing = {
  closing_line_a: numberOrNull('Last price at book_a before the start, in odds_format.', -125),
  closing_line_b: numberOrNull('Last price at book_b before the start, in odds_format.', -120),
  clv_a: numberOrNull('Closing line value of side a, in percent.', -1.7094),
  clv_b: numberOrNull('Closing line value of side b, in percent.', 1.9763),
  line_movement_speed: textOrNull(`${LINE_MOVEMENT_SPEEDS.join(', ')}.`, 'normal'),
  closed_at: timeOrNull('When the opportunity was seen gone.', '2025-10-22T05:19:40.000000Z'),
};

const StoredResult = Type.Object(
  {
    event_id: text('Id of the result.', '4e96e4f1-69fd-5637-b583-0508748f7cb1'),
    ...settlement,
    ...closing,
    settled_at: time('When it was settled; the latest counts.', '2025-10-23T02:30:00.000000Z'),
    received_at: time('When it was received.', '2025-10-23T02:30:01.204310Z'),
  },
  { $id: 'StoredResult', description: 'A result as it was sent; what is in force stands in the call.' },
);
export type StoredResult = Static<typeof StoredResult>;

/** Of the view, as it names and orders them. */
const columns = {
  call_id: text('Id of the call.', 'oa-NHL-20251022-cd7d985f34'),
  call_type: text(`${CALL_TYPES.join(', ')}.`, 'middle'),
  sport: textOrNull('Sport.', 'icehockey'),
  league: textOrNull('League or tournament.', 'NHL'),
  team_a: textOrNull('Home team, or first player.', 'Calgary Flames'),
  team_b: textOrNull('Away team, or second player.', 'Montréal Canadiens'),
  match_date: textOrNull('Day of the match at its place, YYYY-MM-DD, as sent.', '2025-10-22'),
  commence_time: timeOrNull('Start of the match.', '2025-10-23T00:30:00.000000Z'),
  book_a: text('Bookmaker of side a.', 'Caesars'),
  book_b: textOrNull('Bookmaker of side b.', 'BetMGM'),
  market: textOrNull('Market and line.', 'total_5.5/6'),
  odds_a: number('Price at book_a, in odds_format, as sent.', -130),
  odds_b: numberOrNull('Price at book_b, in odds_format, as sent.', -115),
  odds_format: text(`${ODDS_FORMATS.join(', ')}: of every price of this call.`, 'american'),
  odds_a_decimal: numberOrNull('odds_a as decimal odds.', 1.7692307692307692),
  odds_b_decimal: numberOrNull('odds_b as decimal odds.', 1.8695652173913042),
  roi_percent: number('Return promised by the alert, in percent of all stakes.', -9.0993),
  roi_implied_percent: numberOrNull('Return computed from both odds, in percent.', -9.099264705882353),
  stake_a: numberOrNull('Stake at book_a, in the currency of the stakes.', 385.34),
  stake_b: numberOrNull('Stake at book_b, in the currency of the stakes.', 364.66),
  total_stake: numberOrNull('All stakes, in their currency.', 750),
  profit_expected: numberOrNull('Profit the alert promises, in the currency of the stakes.', -68.24),
  sent_at: time('When users were alerted.', '2025-10-22T05:01:19.000000Z'),
  expires_at: timeOrNull('When the alert is no longer worth acting on.', '2025-10-22T05:31:19.000000Z'),
  users_notified: count('Users alerted.', 50),
  notified_user_ids: Type.Unsafe<readonly string[] | null>({
    type: ['array', 'null'],
    items: { type: 'string' },
    description: 'Who was alerted, as far as the sender told.',
    examples: [['u166', 'u395']],
  }),
  clicks: count('All clicks.', 5),
  users_clicked: count('Distinct users with any click; clicks without a user count one each.', 2),
  users_bet: count('Distinct users with a bet click; those without a user count one each.', 2),
  conversion_percent: numberOrNull(
    'users_clicked × 100 / users_notified, in percent; null when nobody was notified.',
    4,
  ),
  first_clicked_at: timeOrNull('Time of the first click.', '2025-10-22T05:01:36.945000Z'),
  last_clicked_at: timeOrNull('Time of the last click.', '2025-10-22T05:31:10.835000Z'),
  ...settlement,
  settled_at: timeOrNull('When the settlement in force was made.', '2025-10-23T02:30:00.000000Z'),
  ...closing,
  source: textOrNull('Who sent it.', 'odds-api'),
  raw: Type.Unsafe<Readonly<Record<string, unknown>> | null>({
    type: ['object', 'null'],
    additionalProperties: true,
    description: 'What else the sender wanted kept, as sent.',
    examples: [{ alert_message_id: 48213 }],
  }),
  received_at: time('When it was received.', '2025-10-22T05:01:19.402113Z'),
};

const CallRow = Type.Object(columns, {
  $id: 'CallRow',
  description: 'A call with all that came of it: a row of the view arbitrage_calls.',
});
export type CallRow = Static<typeof CallRow>;

const StoredCall = Type.Object(
  {
    ...columns,
    results: Type.Array(Type.Unsafe<StoredResult>({ $ref: 'StoredResult#' }), {
      description: 'The results received for this call, oldest first; of more than 1,000 the latest.',
    }),
  },
  { $id: 'StoredCall', description: 'A call with all that came of it, and the history of its results.' },
);
export type StoredCall = Static<typeof StoredCall>;

export const STORED_CALL_SCHEMAS: readonly TSchema[] = [StoredResult, CallRow, StoredCall];
