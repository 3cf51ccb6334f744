import { type SQL, sql } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import { arbitrageCalls, clicks } from '../../schema/index.js';
import { callsAsOf, type StatePart } from '../as-of.js';
import { type Bind, conditionsOf, where } from '../filters.js';
import { CALL_COLUMNS, CLICK_COLUMNS, type Column } from './columns.js';
import type { ExportQuestion } from './export.js';

/**
 * An export in SQL. COPY takes no parameters, so the values of the question travel beside the statements, as settings
 * of their transaction, and the statements ask for them by `current_setting`.
 */
export interface ExportStatements {
  readonly columns: readonly Column[];
  /** To be set in the transaction, by name. */
  readonly settings: ReadonlyMap<string, string>;
  /** How many rows, and of which time. */
  readonly summary: string;
  /** The rows, always in the same order. */
  readonly rows: string;
}

export function exportStatements(question: ExportQuestion): ExportStatements {
  const { subject, filters } = question;
  const { settings, bind } = settingsBind();
  // In a select of its own it is read once, and not for every row that is compared with it.
  const asOf = question.asOf === undefined ? undefined : sql`(select ${bind(question.asOf, 'timestamptz')})`;

  const conditions = conditionsOf(filters, bind, asOf);
  const from = (parts?: readonly StatePart[]): SQL => {
    const calls = asOf === undefined ? sql`${arbitrageCalls}` : callsAsOf(asOf, parts);
    return subject === 'calls' ? calls : sql`${calls} join ${clicks} on ${clicks.call_id} = ${callId}`;
  };
  const filtered: readonly StatePart[] = filters.outcome === undefined ? [] : ['settlement'];
  if (subject === 'clicks') {
    if (asOf !== undefined) conditions.push(sql`${clicks.received_at} <= ${asOf}`);
    // A user's clicks are asked for, not all clicks on the user's calls.
    const { user_id } = filters;
    if (user_id !== undefined) conditions.push(sql`${clicks.user_id} = ${bind(user_id, 'text')}`);
  }

  const columns = subject === 'calls' ? CALL_COLUMNS : CLICK_COLUMNS;
  const selected = columns.map((column) => sql`${column.sql} as ${sql.identifier(column.name)}`);
  const order = subject === 'calls' ? [sentAt, callId] : [sentAt, callId, sql`${clicks.event_id}`];
  const join = (parts: readonly SQL[]): SQL => sql.join([...parts], sql`, `);
  return {
    columns,
    settings,
    summary: textOf(sql`
      select count(*) as rows, min(${sentAt}) as "firstSentAt", max(${sentAt}) as "lastSentAt"
      from ${from(filtered)} ${where(conditions)}`),
    rows: textOf(sql`
      select ${join(selected)}
      from ${from(subject === 'calls' ? undefined : filtered)} ${where(conditions)}
      order by ${join(order)}`),
  };
}

const callId = sql`${arbitrageCalls.call_id}`;
const sentAt = sql`${arbitrageCalls.sent_at}`;

function settingsBind(): { settings: Map<string, string>; bind: Bind } {
  const settings = new Map<string, string>();
  return {
    settings,
    bind: (value, type) => {
      const name = `call_logger.value_${settings.size}`;
      settings.set(name, String(value));
      return sql`current_setting(${sql.raw(`'${name}'`)})::${sql.raw(type)}`;
    },
  };
}

const dialect = new PgDialect();

function textOf(statement: SQL): string {
  const { sql: text, params } = dialect.sqlToQuery(statement);
  if (params.length > 0) throw new Error('COPY takes no parameters');
  return text;
}
