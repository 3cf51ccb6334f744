import { type SQL, sql } from 'drizzle-orm';
import { arbitrageCalls } from '../../schema/index.js';
import { asParameter, type CallFilters, conditionsOf, where } from '../filters.js';
import type { Sum } from './measures.js';

const callInputs = [
  'users_notified',
  'conversion_percent',
  'roi_percent',
  'profit_expected',
  'profit_actual',
  'outcome',
  'clv_a',
  'clv_b',
  'sent_at',
  'closed_at',
] as const;
const clickInputs = ['clicks', 'users_clicked', 'users_bet', 'first_clicked_at', 'last_clicked_at'] as const;

/** A column that measures are made of. */
export type Input = (typeof callInputs)[number] | (typeof clickInputs)[number];

export const input = (name: Input): SQL => sql`${sql.identifier(name)}`;

/** What a row is: a call, or a part of one that belongs to a user. */
export interface RowSource {
  readonly from: SQL;
  /** What in `from` has the columns that tell of clicks. */
  readonly clicksOf: SQL;
  readonly filters: CallFilters;
  /** The sums that these rows are there for; absent: all. */
  readonly only?: readonly Sum[];
}

export function callSource(filters: CallFilters): RowSource {
  return { from: sql`${arbitrageCalls}`, clicksOf: sql`${arbitrageCalls}`, filters };
}

/**
 * The rows that the filters leave, for a FROM clause: with all inputs of measures, and the given keys. The planner
 * leaves out what is not used, down to the view's join.
 */
export function rowsOf(
  { from, clicksOf, filters }: RowSource,
  keys: Readonly<Record<string, SQL>> = {},
): SQL {
  const columns = [
    // By name: drizzle writes a computed column of the view without saying of which table.
    ...callInputs.map((name) => sql`${arbitrageCalls}.${sql.identifier(name)}`),
    ...clickInputs.map((name) => sql`${clicksOf}.${sql.identifier(name)}`),
    ...Object.entries(keys).map(([name, key]) => sql`${key} as ${sql.identifier(name)}`),
  ];
  const conditions = conditionsOf(filters, asParameter);
  return sql`(select ${sql.join(columns, sql`, `)} from ${from} ${where(conditions)}) as rows`;
}
