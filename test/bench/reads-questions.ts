/** What is asked of GET /v1/calls and GET /v1/stats, and how long each may take at a million calls. */
import type { Facts, FilterName } from './reads-facts.js';

export interface Question {
  readonly title: string;
  readonly path: string;
  readonly limitMs: number;
}

const PAGE_MS = 30;
/** Without an index that fits. */
const SLOW_PAGE_MS = 1_000;
const SUMS_MS = 2_000;
const MEDIANS_MS = 6_000;

const path = (route: string, query: Readonly<Record<string, string | number>>): string => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) parameters.set(name, String(value));
  return `${route}?${parameters.toString()}`;
};

/** Pages of GET /v1/calls, 100 calls each unless told otherwise, and a single call. */
export function pageQuestions(facts: Facts, deepCursor: string): Question[] {
  const page = (
    title: string,
    query: Readonly<Record<string, string | number>>,
    limitMs = PAGE_MS,
  ): Question => ({ title, path: path('/v1/calls', query), limitMs });
  const { middle, month_later, high_roi, call_id } = facts;
  const { call_type, sport } = facts.filters;
  return [
    { title: 'one call', path: `/v1/calls/${call_id}`, limitMs: PAGE_MS },
    page('first page', {}),
    page('first page of 1,000', { limit: 1_000 }, SLOW_PAGE_MS),
    page('page after half of all', { cursor: deepCursor }),
    page('from, to: thirty days', { from: middle, to: month_later }),
    page('min_roi 2, max_roi 3', { min_roi: 2, max_roi: 3 }),
    page(`min_roi ${high_roi} (rare)`, { min_roi: high_roi }),
    page('min_roi 1000 (none)', { min_roi: 1_000 }),
    page('call_type, sport', { call_type: call_type.common, sport: sport.common }),
    page('call_type, sport, after half of all', {
      call_type: call_type.common,
      sport: sport.common,
      cursor: deepCursor,
    }),
    page('call_type, sport, min_roi 5', {
      call_type: call_type.common,
      sport: sport.common,
      min_roi: 5,
    }),
    ...namesOf(facts).flatMap((name) => {
      const limitMs = name === 'call_type' || name === 'sport' ? PAGE_MS : SLOW_PAGE_MS;
      const { common, rare } = facts.filters[name];
      // call_type and outcome take no value that they do not know.
      const absent = name === 'call_type' || name === 'outcome' ? [] : [['none', 'of-nobody'] as const];
      return [['common', common] as const, ['rare', rare] as const, ...absent].map(([kind, value]) =>
        page(`${name} (${kind}: ${value})`, { [name]: value }, limitMs),
      );
    }),
  ];
}

function namesOf({ filters }: Facts): FilterName[] {
  return Object.keys(filters) as FilterName[];
}

/** The statistics that the README of src/store/read shows. */
export function recipeQuestions({ filters }: Facts): Question[] {
  const user_id = filters.user_id.common;
  const sums = (title: string, query: Readonly<Record<string, string | number>>): Question => ({
    title,
    path: path('/v1/stats', query),
    limitMs: SUMS_MS,
  });
  return [
    sums('conversion by sport', { group_by: 'sport', measures: 'calls,conversion_percent' }),
    sums('book pairs of arbitrages', {
      group_by: 'book_pair',
      call_type: 'arbitrage',
      measures: 'calls,avg_roi_percent',
    }),
    sums('calls and clicks by hour in Paris', {
      group_by: 'hour',
      tz: 'Europe/Paris',
      measures: 'calls,clicks',
      sort: 'hour',
    }),
    sums('conversion by ROI band', { group_by: 'roi_band', measures: 'calls,conversion_percent' }),
    sums('profit, win rate, CLV by book', {
      group_by: 'book',
      measures: 'calls,settled,profit_actual,win_percent,avg_clv_percent',
    }),
    {
      ...sums('how long calls live by sport, market', {
        group_by: 'sport,market',
        measures:
          'calls,median_seconds_to_first_click,median_seconds_alive,avg_seconds_open,median_seconds_open',
      }),
      limitMs: MEDIANS_MS,
    },
    sums('matches with the most arbitrages', {
      group_by: 'match',
      call_type: 'arbitrage',
      measures: 'calls',
      limit: 20,
    }),
    sums('calls nobody takes, by ROI band, book pair', {
      group_by: 'roi_band,book_pair',
      measures: 'calls,taken_percent',
      min_calls: 20,
      sort: 'taken_percent',
    }),
    sums('middles by weekday, hour', {
      group_by: 'weekday,hour',
      call_type: 'middle',
      tz: 'Europe/Paris',
      measures: 'calls,settled,win_percent,both_won_percent',
    }),
    {
      ...sums('what one user takes', { group_by: 'user,sport', user_id }),
      limitMs: MEDIANS_MS,
    },
    sums('calls per book and day of a user', {
      group_by: 'user,book,day',
      user_id,
      measures: 'calls,users_bet',
    }),
    sums('line movement speed by book', { group_by: 'book,line_movement_speed', measures: 'calls' }),
  ];
}

/** Each dimension by itself, with sums and averages only, and with medians too. */
export function dimensionQuestions(dimensions: readonly string[], measures: readonly string[]): Question[] {
  const sums = measures.filter((measure) => !measure.startsWith('median')).join(',');
  return dimensions.flatMap((group_by) => [
    { title: `${group_by}: sums`, path: path('/v1/stats', { group_by, measures: sums }), limitMs: SUMS_MS },
    { title: `${group_by}: all`, path: path('/v1/stats', { group_by }), limitMs: MEDIANS_MS },
  ]);
}
