import {
  type SQL,
  type SQLWrapper,
  getTableColumns,
  getViewSelectedFields,
  is,
  SQL as Expression,
  sql,
} from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { type CallState, computedColumns } from '../schema/arbitrage-calls.js';
import { arbitrageCalls, calls, clicks, results } from '../schema/index.js';

/** What of a call's state there is to know; each part costs every call a look-up of its own. */
export type StatePart = keyof typeof columnsOfParts;

const columnsOfParts = {
  click_state: [
    'clicks',
    'users_clicked',
    'users_bet',
    'conversion_percent',
    'first_clicked_at',
    'last_clicked_at',
  ],
  settlement: ['outcome', 'profit_actual', 'settled_at'],
  closing: ['closing_line_a', 'closing_line_b', 'clv_a', 'clv_b', 'line_movement_speed', 'closed_at'],
} as const satisfies Record<string, readonly (keyof (typeof arbitrageCalls)['_']['selectedFields'])[]>;

const ALL_PARTS: readonly StatePart[] = ['click_state', 'settlement', 'closing'];

/**
 * The rows of `arbitrage_calls` as they would have stood at a time, for a FROM clause, under the view's own name and
 * with its columns: made of the calls, clicks and results received until then, so that no later correction is seen.
 *
 * Each call looks up its own clicks and results by their key: a narrow question costs little, and a wide one streams.
 * @param parts the columns of other parts are left out
 */
export function callsAsOf(asOf: SQL, parts = ALL_PARTS): SQL {
  const columns: Readonly<Record<string, SQLWrapper>> = {
    ...getTableColumns(calls),
    ...state,
    ...computedColumns(state),
  };
  const leftOut = ALL_PARTS.filter((part) => !parts.includes(part)).flatMap(
    (part): readonly string[] => columnsOfParts[part],
  );
  const names = Object.keys(getViewSelectedFields(arbitrageCalls)).filter((name) => !leftOut.includes(name));
  const selected = names.map((name) => {
    const column = columns[name];
    if (column === undefined) throw new Error(`calls as of a time have no ${name}, which the view has`);
    const expression = is(column, Expression.Aliased) ? column.sql : column;
    return sql`${expression} as ${sql.identifier(name)}`;
  });
  const lookUps = parts.map(
    (part) => sql`left join lateral (${lookUp[part](asOf)}) as ${sql.identifier(part)} on true`,
  );
  return sql`(
    select ${sql.join(selected, sql`, `)}
    from ${calls}
    ${sql.join(lookUps, sql` `)}
    where ${calls.received_at} <= ${asOf}
  ) as ${arbitrageCalls}`;
}

const lookUp: Readonly<Record<StatePart, (asOf: SQL) => SQL>> = {
  click_state: (asOf) => sql`
    select
      count(*)::integer as clicks,
      ${usersWith(sql`true`)} as users_clicked,
      ${usersWith(sql`${clicks.action} = 'bet'`)} as users_bet,
      min(${clicks.clicked_at}) as first_clicked_at,
      max(${clicks.clicked_at}) as last_clicked_at
    from ${clicks}
    where ${clicks.call_id} = ${calls.call_id} and ${clicks.received_at} <= ${asOf}`,
  settlement: (asOf) => latestResult(results.has_settlement, asOf),
  closing: (asOf) => latestResult(results.has_closing, asOf),
};

/** Distinct users of the clicks that meet the condition; each click without a user counts one. */
function usersWith(condition: SQL): SQL {
  return sql`(
    count(distinct ${clicks.user_id}) filter (where ${condition})
    + count(*) filter (where ${clicks.user_id} is null and ${condition}))::integer`;
}

/** The result in force among those that state a part, by the rule of `call_states`. */
function latestResult(statesPart: PgColumn, asOf: SQL): SQL {
  return sql`
    select * from ${results}
    where ${results.call_id} = ${calls.call_id} and ${statesPart} and ${results.received_at} <= ${asOf}
    order by ${results.settled_at} desc, ${results.event_id} desc
    limit 1`;
}

const column = (part: StatePart, name: string): SQL => sql`${sql.identifier(part)}.${sql.identifier(name)}`;

const state: CallState = {
  clicks: column('click_state', 'clicks'),
  users_clicked: column('click_state', 'users_clicked'),
  users_bet: column('click_state', 'users_bet'),
  first_clicked_at: column('click_state', 'first_clicked_at'),
  last_clicked_at: column('click_state', 'last_clicked_at'),
  outcome: column('settlement', 'outcome'),
  profit_actual: column('settlement', 'profit_actual'),
  settled_at: column('settlement', 'settled_at'),
  closing_line_a: column('closing', 'closing_line_a'),
  closing_line_b: column('closing', 'closing_line_b'),
  clv_a: column('closing', 'clv_a'),
  clv_b: column('closing', 'clv_b'),
  line_movement_speed: column('closing', 'line_movement_speed'),
  closed_at: column('closing', 'closed_at'),
};
