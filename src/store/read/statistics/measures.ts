import { type SQL, sql } from 'drizzle-orm';
import { type Input, input } from './rows.js';

export type Measure =
  | 'calls'
  | 'clicks'
  | 'users_notified'
  | 'users_clicked'
  | 'users_bet'
  | 'conversion_percent'
  | 'calls_taken'
  | 'taken_percent'
  | 'avg_roi_percent'
  | 'profit_expected'
  | 'profit_actual'
  | 'settled'
  | 'won'
  | 'win_percent'
  | 'both_won'
  | 'both_won_percent'
  | 'avg_clv_percent'
  | 'median_seconds_to_first_click'
  | 'median_seconds_alive'
  | 'avg_seconds_open'
  | 'median_seconds_open';

const sumOf = (name: Input): SQL => sql`sum(${input(name)})`;
const countOf = (name: Input): SQL => sql`count(${input(name)})`;
const countWhere = (condition: SQL): SQL => sql`count(*) filter (where ${condition})`;
const isSettled = sql`${input('outcome')} <> 'unknown'`;

/**
 * What measures are made of, as aggregates over rows: sums, which can be summed further. Groups, what counts under two
 * of them, and the total all come from one pass over the calls, which several processes can share.
 *
 * As `numeric`: exact, so the same in whatever order rows come.
 */
export const sums = {
  calls: sql`count(*)`,
  clicks: sumOf('clicks'),
  users_notified: sumOf('users_notified'),
  users_clicked: sumOf('users_clicked'),
  users_bet: sumOf('users_bet'),
  conversion_sum: sumOf('conversion_percent'),
  // Where conversion_percent is not null; counting that would compute it a second time.
  conversion_count: countWhere(sql`${input('users_notified')} > 0`),
  calls_taken: countWhere(sql`${input('users_bet')} >= 1`),
  roi_sum: sumOf('roi_percent'),
  profit_expected: sumOf('profit_expected'),
  profit_actual: sumOf('profit_actual'),
  settled: countWhere(isSettled),
  settled_with_profit: countWhere(sql`${isSettled} and ${input('profit_actual')} is not null`),
  won: countWhere(sql`${isSettled} and ${input('profit_actual')} > 0`),
  both_won: countWhere(sql`${input('outcome')} = 'both_won'`),
  clv_a_sum: sumOf('clv_a'),
  clv_a_count: countOf('clv_a'),
  clv_b_sum: sumOf('clv_b'),
  clv_b_count: countOf('clv_b'),
  open_seconds_sum: sql`sum(extract(epoch from ${input('closed_at')} - ${input('sent_at')}))`,
  open_count: countOf('closed_at'),
} as const satisfies Record<string, SQL>;

export type Sum = keyof typeof sums;

/** The sums that speak of one leg of a bet. */
export const legOf: Readonly<Partial<Record<Sum, 'a' | 'b'>>> = {
  clv_a_sum: 'a',
  clv_a_count: 'a',
  clv_b_sum: 'b',
  clv_b_count: 'b',
};

const medianSecondsTo = (name: Input): SQL =>
  sql`percentile_cont(0.5) within group (order by date_part('epoch', ${input(name)} - ${input('sent_at')}))`;

/** Aggregates that have to see every row of a group, sorted, and cannot be put together from smaller ones. */
export const medians = {
  first_click_median: medianSecondsTo('first_clicked_at'),
  last_click_median: medianSecondsTo('last_clicked_at'),
  open_median: medianSecondsTo('closed_at'),
} as const satisfies Record<string, SQL>;

export type Median = keyof typeof medians;

interface MeasureOfParts {
  readonly parts: readonly (Sum | Median)[];
  /** Over columns that are named as the parts are. */
  readonly value: SQL;
}

export const measures: Readonly<Record<Measure, MeasureOfParts>> = {
  calls: count('calls'),
  clicks: count('clicks'),
  users_notified: count('users_notified'),
  users_clicked: count('users_clicked'),
  users_bet: count('users_bet'),
  conversion_percent: mean('conversion_sum', 'conversion_count'),
  calls_taken: count('calls_taken'),
  taken_percent: percent('calls_taken', 'calls'),
  avg_roi_percent: mean('roi_sum', 'calls'),
  profit_expected: sum('profit_expected'),
  profit_actual: sum('profit_actual'),
  settled: count('settled'),
  won: count('won'),
  win_percent: percent('won', 'settled_with_profit'),
  both_won: count('both_won'),
  both_won_percent: percent('both_won', 'settled'),
  avg_clv_percent: {
    parts: ['clv_a_sum', 'clv_b_sum', 'clv_a_count', 'clv_b_count'],
    value: quotient(
      sql`coalesce(${part('clv_a_sum')}, 0) + coalesce(${part('clv_b_sum')}, 0)`,
      sql`coalesce(${part('clv_a_count')}, 0) + coalesce(${part('clv_b_count')}, 0)`,
    ),
  },
  median_seconds_to_first_click: median('first_click_median'),
  median_seconds_alive: median('last_click_median'),
  avg_seconds_open: mean('open_seconds_sum', 'open_count'),
  median_seconds_open: median('open_median'),
};

export function isMeasure(name: string): name is Measure {
  return Object.hasOwn(measures, name);
}

function part(name: Sum | Median): SQL {
  return sql`${sql.identifier(name)}`;
}

/** 0 where there are no rows. */
function count(name: Sum): MeasureOfParts {
  return { parts: [name], value: sql`coalesce(${part(name)}, 0)` };
}

/** Null where nothing is known. */
function sum(name: Sum): MeasureOfParts {
  return { parts: [name], value: part(name) };
}

function mean(name: Sum, of: Sum): MeasureOfParts {
  return { parts: [name, of], value: quotient(part(name), part(of)) };
}

function percent(name: Sum, of: Sum): MeasureOfParts {
  return { parts: [name, of], value: quotient(sql`${part(name)} * 100.0`, part(of)) };
}

/** Through `numeric`, which drops the last digits of a double: the middle between two doubles has noise there. */
function median(name: Median): MeasureOfParts {
  return { parts: [name], value: sql`${part(name)}::numeric` };
}

/** Rounded far below what matters: a quotient smaller than any double is refused where a double is made of it. */
function quotient(dividend: SQL, divisor: SQL): SQL {
  return sql`round((${dividend}) / nullif(${divisor}, 0), 30)`;
}
