import { type SQL, sql } from 'drizzle-orm';
import { asParameter, where } from '../filters.js';
import { type Dimension, type Grouping, groupings } from './dimensions.js';
import {
  isMeasure,
  legOf,
  type Measure,
  measures,
  type Median,
  medians,
  type Sum,
  sums,
} from './measures.js';
import { clickPairs, pairParts } from './pairs.js';
import { callSource, type RowSource, rowsOf } from './rows.js';
import type { StatisticsQuestion, Values } from './statistics.js';

export type AnswerRow = Values<Dimension | Measure> & { readonly groups_found: number };

/**
 * The total, and after it the groups in order: one statement, and so of one moment.
 *
 *   rows ─► cells ─┬─► sums of groups, a cell under each group it counts in ─┐
 *                  └─► sums of all ──────────────────────────────────────────┼─► measures ─► sort, limit
 *   rows ─► medians of groups, medians of all ───────────────────────────────┘
 *
 * A cell sums the rows that are alike in all that tells their groups. Cells are few, so that what counts under two
 * groups, and the total, cost little beside the one pass over the rows; only medians take more of them.
 *
 * What is found out about a group in one place and another is stacked, with nulls for what a place does not know, and
 * put together by the group's keys: a join would not match keys that are null.
 */
export function statisticsStatement(question: StatisticsQuestion): SQL {
  const { groupBy, filters } = question;
  const plan = planOf(question);
  const calls = callSource(filters);
  const byUser = groupBy.includes('user');
  const sources = byUser ? pairParts(filters, plan.sums.includes('clicks')) : [calls];

  const stack = [
    ofGroups(plan, sql`cells`, sumsOfCells(plan.groups)),
    // A call that nobody clicked on makes no pair, and is one of all calls nevertheless.
    byUser ? ofAll(plan, rowsOf(calls), sums) : ofAll(plan, sql`cells`, sumsOfCells([])),
  ];
  if (plan.medians.length > 0) {
    const rows = rowsOf(byUser ? clickPairs(filters) : calls, plan.keys);
    stack.push(ofGroups(plan, rows, medians), ofAll(plan, rowsOf(calls), medians));
  }
  return sql`
    with cells as materialized (${cellsOf(plan, sources)}),
    stack as (${sql.join(stack, sql` union all `)})
    ${answerOf(question, plan)}`;
}

interface Plan {
  readonly groups: readonly (Grouping & { readonly dimension: Dimension })[];
  /** What tells the groups of a row. */
  readonly keys: Readonly<Record<string, SQL>>;
  readonly sums: readonly Sum[];
  readonly medians: readonly Median[];
}

function planOf({ groupBy, measures: asked, sort, timeZone }: StatisticsQuestion): Plan {
  const known = groupings(asParameter(timeZone, 'text'));
  const groups = groupBy.map((dimension) => ({ dimension, ...known[dimension] }));
  const needed = isMeasure(sort.by) ? [...asked, sort.by] : asked;
  // `calls` tells which groups are too small.
  const parts = new Set<string>(['calls', ...needed.flatMap((measure) => measures[measure].parts)]);
  return {
    groups,
    keys: Object.fromEntries(groups.flatMap(({ keys }) => Object.entries(keys))),
    sums: namesOf(sums).filter((part) => parts.has(part)),
    medians: namesOf(medians).filter((part) => parts.has(part)),
  };
}

function cellsOf({ keys, sums: parts }: Plan, sources: readonly RowSource[]): SQL {
  const names = Object.keys(keys).map(named);
  const cells = sources.map((source) => {
    const { only = parts } = source;
    const columns = parts.map((part) => as(only.includes(part) ? sums[part] : sql`null::numeric`, part));
    return sql`select ${list([...names, ...columns])} from ${rowsOf(source, keys)} group by ${list(names)}`;
  });
  return sql.join(cells, sql` union all `);
}

/** Values by the names of parts; of those it lacks nothing is known. */
type Parts = Readonly<Partial<Record<Sum | Median, SQL>>>;

/** Sums over cells. What is told of one leg goes to the groups which that leg belongs to. */
function sumsOfCells(groups: readonly Grouping[]): Parts {
  const legs = groups.find(({ sides }) => sides?.hasLeg !== undefined)?.sides?.hasLeg;
  const values = namesOf(sums).map((part) => {
    const leg = legOf[part];
    const filter = legs === undefined || leg === undefined ? sql`` : sql` filter (where ${legs[leg]})`;
    return [part, sql`sum(${named(part)})${filter}`] as const;
  });
  return Object.fromEntries(values);
}

/** @param from has the keys of rows */
function ofGroups(plan: Plan, from: SQL, values: Parts): SQL {
  const keys = plan.groups.map(({ key }, position) => as(key, keyName(position)));
  const sides = plan.groups.flatMap((group) => group.sides ?? []);
  return sql`
    select ${list([...keys, sql`false as is_total`, ...columnsOf(plan, values)])}
    from ${sql.join([from, ...sides.map((side) => side.from)], sql` cross join `)}
    ${where(sides.map(({ condition }) => condition))}
    group by ${list(keyNames(plan))}`;
}

function ofAll(plan: Plan, from: SQL, values: Parts): SQL {
  const keys = plan.groups.map((_, position) => as(sql`null`, keyName(position)));
  return sql`select ${list([...keys, sql`true as is_total`, ...columnsOf(plan, values)])} from ${from}`;
}

function columnsOf(plan: Plan, values: Parts): SQL[] {
  return [
    ...plan.sums.map((part) => as(values[part] ?? sql`null::numeric`, part)),
    ...plan.medians.map((part) => as(values[part] ?? sql`null::float8`, part)),
  ];
}

/** The end of the statement: what the stack says, as measures, in order. */
function answerOf({ groupBy, measures: asked, minCalls, limit, sort }: StatisticsQuestion, plan: Plan): SQL {
  const keys = keyNames(plan);
  const parts = [...plan.sums, ...plan.medians].map((part) => as(sql`max(${named(part)})`, part));
  const columns = [
    ...plan.groups.map(({ dimension, written }, position) => as(written(keyName(position)), dimension)),
    ...asked.map((measure) => as(valueOf(measure), measure)),
  ];
  const sortKey = isMeasure(sort.by) ? valueOf(sort.by) : keyName(groupBy.indexOf(sort.by));
  const direction = sort.descending ? sql`desc` : sql`asc`;
  return sql`
    select ${list(columns)}, (count(*) filter (where not is_total) over ())::integer as groups_found
    from (
      select ${list([...keys, sql`is_total`, ...parts])}
      from stack
      group by ${list([...keys, sql`is_total`])}
    ) as answers
    where is_total or calls >= ${minCalls}::integer
    order by is_total desc, ${sortKey} ${direction} nulls last, ${list(keys)}
    limit ${limit}::bigint + 1`;
}

/** A double, as the answer has it: groups are in the order of what is shown. */
function valueOf(measure: Measure): SQL {
  return sql`(${measures[measure].value})::float8`;
}

function keyName(position: number): SQL {
  return named(`key_${position}`);
}

function keyNames({ groups }: Plan): SQL[] {
  return groups.map((_, position) => keyName(position));
}

function named(name: string): SQL {
  return sql`${sql.identifier(name)}`;
}

function as(value: SQL, name: string | SQL): SQL {
  return sql`${value} as ${typeof name === 'string' ? named(name) : name}`;
}

function list(items: readonly SQL[]): SQL {
  return sql.join([...items], sql`, `);
}

/** `Object.keys`, for objects that have no keys but those of their type. */
function namesOf<Name extends string>(parts: Readonly<Record<Name, unknown>>): Name[] {
  return Object.keys(parts) as Name[];
}
