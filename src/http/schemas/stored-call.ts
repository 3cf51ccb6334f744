/** The row of the view `arbitrage_calls`, and the history of results behind it. */
import { type Static, type TSchema, Type } from 'typebox';

interface Notes {
  readonly description?: string;
  readonly examples?: unknown[];
}

const text = (...examples: string[]) => Type.String({ examples });
const textOrNull = (notes: Notes = {}) => Type.Unsafe<string | null>({ type: ['string', 'null'], ...notes });
const numberOrNull = (notes: Notes = {}) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], ...notes });
const time = (...examples: string[]) =>
  Type.String({ description: 'RFC 3339, UTC, microseconds.', examples });
const timeOrNull = (description = 'RFC 3339, UTC, microseconds.') =>
  textOrNull({ description, examples: ['2025-10-22T05:02:44.024000Z'] });
const count = (description: string, ...examples: number[]) =>
  Type.Integer({ minimum: 0, description, examples });

const settlement = {
  outcome: textOrNull({ examples: ['a_won'] }),
  profit_actual: numberOrNull({ examples: [-68.24] }),
};
const closing = {
  closing_line_a: numberOrNull({ examples: [-125] }),
  closing_line_b: numberOrNull({ examples: [-120] }),
  clv_a: numberOrNull({ description: 'Closing line value in percent.', examples: [1.7391] }),
  clv_b: numberOrNull({ description: 'Closing line value in percent.', examples: [-0.5348] }),
  line_movement_speed: textOrNull({ examples: ['normal'] }),
  closed_at: timeOrNull(),
};

export const StoredResult = Type.Object(
  {
    event_id: text('1b2332b6-66bc-57c6-8c2d-adb89a49d89d'),
    ...settlement,
    ...closing,
    settled_at: time('2025-10-23T03:10:00.000000Z'),
    received_at: time('2025-10-23T03:10:01.204310Z'),
  },
  { $id: 'StoredResult', description: 'A result as it was sent; what is in force stands in the call.' },
);
export type StoredResult = Static<typeof StoredResult>;

export const StoredCall = Type.Object(
  {
    call_id: text('oa-NHL-20251022-cd7d985f34'),
    call_type: text('middle'),
    sport: textOrNull({ examples: ['icehockey'] }),
    league: textOrNull({ examples: ['NHL'] }),
    team_a: textOrNull({ examples: ['Calgary Flames'] }),
    team_b: textOrNull({ examples: ['Montréal Canadiens'] }),
    match_date: textOrNull({ description: 'YYYY-MM-DD, as sent.', examples: ['2025-10-22'] }),
    commence_time: timeOrNull(),
    book_a: text('Caesars'),
    book_b: textOrNull({ examples: ['BetMGM'] }),
    market: textOrNull({ examples: ['total_5.5/6'] }),
    odds_a: Type.Number({ examples: [-130] }),
    odds_b: numberOrNull({ examples: [-115] }),
    odds_format: text('american'),
    odds_a_decimal: numberOrNull({ examples: [1.76923] }),
    odds_b_decimal: numberOrNull({ examples: [1.86957] }),
    roi_percent: Type.Number({ examples: [-9.0993] }),
    roi_implied_percent: numberOrNull({ description: 'Computed from both odds.', examples: [-9.1] }),
    stake_a: numberOrNull({ examples: [385.34] }),
    stake_b: numberOrNull({ examples: [364.66] }),
    total_stake: numberOrNull({ examples: [750] }),
    profit_expected: numberOrNull({ examples: [-68.24] }),
    sent_at: time('2025-10-22T05:01:19.000000Z'),
    expires_at: timeOrNull(),
    users_notified: count('Users alerted.', 50),
    notified_user_ids: Type.Unsafe<readonly string[] | null>({
      type: ['array', 'null'],
      items: { type: 'string' },
      examples: [['u166', 'u395']],
    }),
    clicks: count('All clicks.', 7),
    users_clicked: count('Distinct users with any click; clicks without a user count one each.', 6),
    users_bet: count('Distinct users with a bet click.', 4),
    conversion_percent: numberOrNull({
      description: 'users_clicked × 100 / users_notified; null when nobody was notified.',
      examples: [12],
    }),
    first_clicked_at: timeOrNull(),
    last_clicked_at: timeOrNull(),
    ...settlement,
    settled_at: timeOrNull("The settlement's."),
    ...closing,
    source: textOrNull({ examples: ['odds-api'] }),
    raw: Type.Unsafe<Readonly<Record<string, unknown>> | null>({
      type: ['object', 'null'],
      additionalProperties: true,
      examples: [{ alert_message_id: 48213 }],
    }),
    received_at: time('2025-10-22T05:01:19.402113Z'),
    results: Type.Array(Type.Unsafe<StoredResult>({ $ref: 'StoredResult#' }), {
      description: 'Every result received for this call, oldest first.',
    }),
  },
  { $id: 'StoredCall', description: 'A call with all that came of it.' },
);
export type StoredCall = Static<typeof StoredCall>;

export const STORED_CALL_SCHEMAS: readonly TSchema[] = [StoredResult, StoredCall];
