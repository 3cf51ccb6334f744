import { type Static, type TSchema, Type } from 'typebox';
import type { Dimension } from '../../store/read/statistics/dimensions.js';
import type { Measure } from '../../store/read/statistics/measures.js';
import { GROUPS_PER_ANSWER, MAX_DIMENSIONS, MAX_GROUPS_PER_ANSWER } from '../limits.js';
import { callFilters } from './call-filters.js';

const text = (description: string, ...examples: string[]) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description, examples });
const count = (description: string, ...examples: number[]) =>
  Type.Integer({ minimum: 0, description, examples });
const number = (description: string, ...examples: number[]) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], description, examples });

/** In the order in which answers have them. The types hold this list and the store's to each other. */
const dimensions = {
  call_type: text('Type of the call.', 'middle'),
  sport: text('Sport.', 'icehockey'),
  league: text('League or tournament.', 'NHL'),
  market: text('Market and line.', 'total_5.5/6'),
  source: text('Who sent the call.', 'odds-api'),
  book_a: text('Bookmaker of side a.', 'Caesars'),
  book_b: text('Bookmaker of side b.', 'BetMGM'),
  book: text('Bookmaker on either side: a call counts under each of its two.', 'Pinnacle'),
  book_pair: text('Both bookmakers, sorted; one alone when there is no second.', 'BetMGM + Caesars'),
  team: text('Team or player on either side: a call counts under each of its two.', 'Calgary Flames'),
  match: text('Both teams and the day.', 'Calgary Flames - Montréal Canadiens, 2025-10-22'),
  roi_band: text('Band of roi_percent, in percent: <2, 2-3, 3-5 or 5+, lower bounds included.', '2-3'),
  outcome: text('Outcome in force; null while there is none.', 'a_won'),
  line_movement_speed: text('How fast the line moved; null when nobody told.', 'fast'),
  user: text(
    'Who clicked. Clicks and what is counted by them are then of this user only, while roi, profit, conversion and settlement stay those of the calls. Null: clicks without a user.',
    'u166',
  ),
  hour: Type.Integer({
    minimum: 0,
    maximum: 23,
    description: 'Hour of the day of sent_at in tz, 0 to 23.',
    examples: [5],
  }),
  weekday: Type.Integer({
    minimum: 1,
    maximum: 7,
    description: 'Weekday of sent_at in tz: 1 is Monday, 7 is Sunday.',
    examples: [3],
  }),
  day: text('Day of sent_at in tz, YYYY-MM-DD.', '2025-10-22'),
  month: text('Month of sent_at in tz, YYYY-MM.', '2025-10'),
} satisfies Record<Dimension, TSchema>;

const measures = {
  calls: count('Calls.', 272),
  clicks: count('Clicks.', 780),
  users_notified: count('Sum of users_notified of the calls.', 9_037),
  users_clicked: count('Sum of users_clicked of the calls.', 537),
  users_bet: count('Sum of users_bet of the calls.', 264),
  conversion_percent: number(
    'Average of the conversion_percent of the calls, in percent; calls that nobody was notified of are left out.',
    5.659221791777689,
  ),
  calls_taken: count('Calls that at least one user bet on.', 137),
  taken_percent: number('calls_taken × 100 / calls, in percent.', 50.36764705882353),
  avg_roi_percent: number('Average roi_percent, in percent.', 1.371065),
  profit_expected: number('Sum of profit_expected, in the currency of the stakes.', 2_795.48),
  profit_actual: number('Sum of profit_actual, in the currency of the stakes.', 2_797.08),
  settled: count('Calls with an outcome other than unknown.', 272),
  won: count('Settled calls with a profit_actual above 0.', 272),
  win_percent: number('won × 100 / settled calls with a profit_actual, in percent.', 100),
  both_won: count('Settled calls of which both sides won.', 0),
  both_won_percent: number('both_won × 100 / settled, in percent.', 0),
  avg_clv_percent: number(
    'Average closing line value of all sides that have one, in percent; grouped by book, of the sides at that book.',
    1.7823226717358307,
  ),
  median_seconds_to_first_click: number('Median of first_clicked_at − sent_at, in seconds.', 37.9105),
  median_seconds_alive: number('Median of last_clicked_at − sent_at, in seconds.', 822.0615),
  avg_seconds_open: number('Average of closed_at − sent_at, in seconds.', 903.4),
  median_seconds_open: number('Median of closed_at − sent_at, in seconds.', 840),
} satisfies Record<Measure, TSchema>;

export const DIMENSIONS = Object.keys(dimensions).filter((name): name is Dimension => name in dimensions);
export const MEASURES = Object.keys(measures).filter((name): name is Measure => name in measures);

const nameList = (names: readonly string[]) => `Known: ${names.join(', ')}.`;

export const StatisticsQuery = Type.Object(
  {
    group_by: Type.String({
      description: `One to ${MAX_DIMENSIONS} dimensions, separated by commas. ${nameList(DIMENSIONS)}`,
      examples: ['sport', 'roi_band,book_pair'],
    }),
    measures: Type.Optional(
      Type.String({
        description: `What to tell of each group, separated by commas; everything when absent. ${nameList(MEASURES)} Medians are the slowest.`,
        examples: ['calls,conversion_percent'],
      }),
    ),
    ...callFilters,
    tz: Type.Optional(
      Type.String({
        default: 'UTC',
        description: 'Time zone of hour, weekday, day and month: UTC, or an IANA name such as Europe/Paris.',
        examples: ['Europe/Paris', 'America/New_York'],
      }),
    ),
    min_calls: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000_000,
        default: 1,
        description: 'Only groups of at least so many calls.',
        examples: [10],
      }),
    ),
    sort: Type.Optional(
      Type.String({
        description:
          'A measure asked for or a dimension of group_by, descending with a - before it. Nulls come last, ties are in order of the dimensions. When absent: -calls, or descending by the first measure when calls is not asked for.',
        examples: ['-conversion_percent', 'hour'],
      }),
    ),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_GROUPS_PER_ANSWER,
        default: GROUPS_PER_ANSWER,
        description: 'Groups in the answer, at most: the first ones of the sorting.',
        examples: [20],
      }),
    ),
  },
  { additionalProperties: false },
);
export type StatisticsQuery = Static<typeof StatisticsQuery>;

export const StatisticsHeaders = Type.Object({
  'if-none-match': Type.Optional(
    Type.String({
      description: 'The ETag of an answer that you have.',
      examples: ['W/"c0d0a1f0f2f1a9b0c5f8a0c7f4e1f5ad"'],
    }),
  ),
});

const Group = Type.Partial(Type.Object({ ...dimensions, ...measures }), {
  $id: 'StatisticsGroup',
  description: 'The dimensions of group_by, and the measures asked for. A measure of nothing is null.',
});

const Total = Type.Partial(Type.Object(measures), {
  $id: 'StatisticsTotal',
  description: 'The measures asked for, over all calls that the filters leave, each call once.',
});

const Statistics = Type.Object(
  {
    group_by: Type.Array(Type.String(), { description: 'As asked.', examples: [['sport']] }),
    groups: Type.Array(Type.Unsafe({ $ref: 'StatisticsGroup#' }), {
      description: 'As sorted, up to the limit.',
      examples: [[{ call_type: 'arbitrage', calls: 272, conversion_percent: 5.659221791777689 }]],
    }),
    groups_found: count('How many groups there are, those beyond the limit included.', 4),
    total: Type.Unsafe({ $ref: 'StatisticsTotal#' }),
  },
  {
    $id: 'Statistics',
    description: 'Groups of calls, and all of them together.',
    examples: [
      {
        group_by: ['call_type'],
        groups: [
          { call_type: 'arbitrage', calls: 272, conversion_percent: 5.659221791777689 },
          { call_type: 'middle', calls: 31, conversion_percent: 4.870967741935484 },
        ],
        groups_found: 2,
        total: { calls: 303, conversion_percent: 5.5785753378334375 },
      },
    ],
  },
);

export const STATISTICS_SCHEMAS: readonly TSchema[] = [Group, Total, Statistics];
