import { type SQL, sql } from 'drizzle-orm';
import { arbitrageCalls, clicks } from '../../schema/index.js';

export type ColumnType = 'text' | 'integer' | 'number' | 'boolean' | 'timestamp' | 'date' | 'json';

export interface ExportColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** What it is to a model: an identity, something known when the call was sent, or what came of it. */
  readonly role: 'id' | 'feature' | 'label';
  /** With its unit. */
  readonly meaning: string;
}

/** `sql` is of the type that goes with the column's: int4, numeric, bool, timestamptz, date, json, or text. */
export interface Column extends ExportColumn {
  readonly sql: SQL;
}

/** A column of the view; with the view's name, which drizzle leaves out where a column is computed. */
const call = (name: keyof (typeof arbitrageCalls)['_']['selectedFields']): SQL =>
  sql`${arbitrageCalls}.${sql.identifier(name)}`;

const secondsAfterSending = (time: SQL): SQL => sql`extract(epoch from ${time} - ${call('sent_at')})`;

type Described = readonly [name: string, type: ColumnType, sql: SQL, meaning: string];

const withRole =
  (role: ExportColumn['role']) =>
  ([name, type, sql, meaning]: Described): Column => ({ name, type, role, meaning, sql });

const callId = withRole('id')(['call_id', 'text', call('call_id'), 'id of the call']);

/** Known when the call was sent, and never changed since. */
const features: readonly Column[] = (
  [
    ['call_type', 'text', call('call_type'), 'arbitrage, middle or good_ev'],
    ['sport', 'text', call('sport'), 'sport'],
    ['league', 'text', call('league'), 'league or tournament'],
    ['team_a', 'text', call('team_a'), 'home team, or first player'],
    ['team_b', 'text', call('team_b'), 'away team, or second player'],
    ['match_date', 'date', call('match_date'), 'day of the match at its place'],
    ['commence_time', 'timestamp', call('commence_time'), 'start of the match'],
    ['book_a', 'text', call('book_a'), 'bookmaker of side a'],
    ['book_b', 'text', call('book_b'), 'bookmaker of side b; good_ev may have none'],
    ['market', 'text', call('market'), 'market and line'],
    ['odds_a', 'number', call('odds_a'), 'price at book_a, in odds_format'],
    ['odds_b', 'number', call('odds_b'), 'price at book_b, in odds_format'],
    ['odds_format', 'text', call('odds_format'), 'american or decimal'],
    ['odds_a_decimal', 'number', call('odds_a_decimal'), 'odds_a as decimal odds'],
    ['odds_b_decimal', 'number', call('odds_b_decimal'), 'odds_b as decimal odds'],
    ['roi_percent', 'number', call('roi_percent'), 'return promised by the alert, in percent of all stakes'],
    [
      'roi_implied_percent',
      'number',
      call('roi_implied_percent'),
      'return of stakes split for an equal payout, in percent, computed from both odds',
    ],
    ['stake_a', 'number', call('stake_a'), 'stake at book_a, in the currency of the stakes'],
    ['stake_b', 'number', call('stake_b'), 'stake at book_b, in the currency of the stakes'],
    ['total_stake', 'number', call('total_stake'), 'all stakes, in their currency'],
    ['profit_expected', 'number', call('profit_expected'), 'profit promised, in the currency of the stakes'],
    ['sent_at', 'timestamp', call('sent_at'), 'when users were alerted'],
    ['expires_at', 'timestamp', call('expires_at'), 'when the prices were expected to be gone'],
    ['users_notified', 'integer', call('users_notified'), 'number of users alerted'],
    [
      'notified_user_ids',
      'json',
      sql`to_json(${call('notified_user_ids')})`,
      'users alerted, as a list; null when the sender did not name them',
    ],
    ['source', 'text', call('source'), 'what found the call'],
    ['raw', 'json', call('raw'), 'whatever else the sender stated when it sent the call, as an object'],
  ] satisfies Described[]
).map(withRole('feature'));

const receivedAt = call('received_at');

/** Learned after the call was sent. */
const labels: readonly Column[] = (
  [
    ['label_clicks', 'integer', call('clicks'), 'number of clicks'],
    [
      'label_users_clicked',
      'integer',
      call('users_clicked'),
      'number of distinct users who clicked; each click without a user counts one',
    ],
    ['label_users_bet', 'integer', call('users_bet'), 'number of distinct users who pressed "I BET"'],
    ['label_taken', 'boolean', sql`${call('users_bet')} >= 1`, 'at least one user pressed "I BET"'],
    [
      'label_conversion_percent',
      'number',
      call('conversion_percent'),
      'users clicked in percent of users notified; null when nobody was notified',
    ],
    ['label_first_clicked_at', 'timestamp', call('first_clicked_at'), 'time of the first click'],
    ['label_last_clicked_at', 'timestamp', call('last_clicked_at'), 'time of the last click'],
    [
      'label_seconds_to_first_click',
      'number',
      secondsAfterSending(call('first_clicked_at')),
      'seconds from sending to the first click',
    ],
    [
      'label_seconds_alive',
      'number',
      secondsAfterSending(call('last_clicked_at')),
      'seconds from sending to the last click',
    ],
    ['label_outcome', 'text', call('outcome'), 'a_won, b_won, both_won, push, void or unknown'],
    ['label_profit_actual', 'number', call('profit_actual'), 'profit over all stakes, in their currency'],
    ['label_settled_at', 'timestamp', call('settled_at'), 'when the settlement became known'],
    ['label_closing_line_a', 'number', call('closing_line_a'), 'last price at book_a, in odds_format'],
    ['label_closing_line_b', 'number', call('closing_line_b'), 'last price at book_b, in odds_format'],
    ['label_clv_a', 'number', call('clv_a'), 'closing line value of side a, in percent'],
    ['label_clv_b', 'number', call('clv_b'), 'closing line value of side b, in percent'],
    ['label_line_movement_speed', 'text', call('line_movement_speed'), 'fast, normal or slow'],
    ['label_closed_at', 'timestamp', call('closed_at'), 'when the opportunity was seen gone'],
    [
      'label_seconds_open',
      'number',
      secondsAfterSending(call('closed_at')),
      'seconds from sending until the opportunity was seen gone',
    ],
    [
      'is_settled',
      'boolean',
      sql`coalesce(${call('outcome')} <> 'unknown', false)`,
      'the outcome is known: label_outcome is neither null nor unknown',
    ],
  ] satisfies Described[]
).map(withRole('label'));

/** One row per call. `received_at` is no feature: it tells how the event travelled, not what users were sent. */
export const CALL_COLUMNS: readonly Column[] = [
  callId,
  ...features,
  withRole('id')(['received_at', 'timestamp', receivedAt, 'when the service received the call']),
  ...labels,
];

/** One row per click on a stored call, with what was known of the call when it was sent. */
export const CLICK_COLUMNS: readonly Column[] = [
  withRole('id')(['event_id', 'text', sql`${clicks.event_id}`, 'id of the click, unique within its call']),
  callId,
  withRole('id')([
    'user_id',
    'text',
    sql`${clicks.user_id}`,
    'who clicked; null when the sender did not say',
  ]),
  withRole('label')(['action', 'text', sql`${clicks.action}`, 'bet: the "I BET" button; click: any other']),
  withRole('label')(['clicked_at', 'timestamp', sql`${clicks.clicked_at}`, 'time of the click']),
  withRole('id')([
    'received_at',
    'timestamp',
    sql`${clicks.received_at}`,
    'when the service received the click',
  ]),
  ...features,
  withRole('id')(['call_received_at', 'timestamp', receivedAt, 'when the service received the call']),
];
