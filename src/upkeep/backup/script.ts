/**
 * The text of a backup: a plain SQL script for psql, of a shape that `script-reader.ts` can run without psql.
 *
 *   -- call-logger backup, format 1
 *   -- {"id":…,"snapshot_at":…,"migration":…}
 *   \set ON_ERROR_STOP on
 *   begin read write;
 *   STATEMENT;                       any number of times
 *   --> statement-breakpoint
 *   copy TABLE (COLUMNS) from stdin;  any number of times
 *   ROWS
 *   \.
 *   STATEMENT;                       any number of times
 *   --> statement-breakpoint
 *   commit;
 *
 * All in one transaction, so that a part of it does nothing. The commit stands in a gzip member of its own: gunzip checks
 * the checksum of all before it first, so not even a damaged file that still inflates is ever committed by psql.
 */
import { NO_TIME_LIMITS } from '../../store/transaction.js';
import { TEXT_SETTINGS } from './copy-text.js';
import { BREAKPOINT } from './migrations.js';
import { namesOfOurs, type TableLayout } from './tables.js';

export const FORMAT = 1;

export interface ScriptHeader {
  readonly id: string;
  readonly snapshot_at: string;
  /** Tag of the last migration. */
  readonly migration: string;
}

export const HEAD = '-- call-logger backup, format ';
export const BEGINNING: readonly string[] = ['\\set ON_ERROR_STOP on', 'begin read write;'];
export const COPY_END = '\\.';
export const ENDING = 'commit;';

/** What a restored session relies on. `public` is where the view has to be. */
const SESSION: readonly string[] = [...TEXT_SETTINGS, 'set local search_path = public', NO_TIME_LIMITS];

/** Says what is in the way instead of failing over the first name that exists. */
const GUARD = `do $$
declare found text;
begin
  select string_agg(name, ', ') into found
  from unnest(array[${namesOfOurs.map((name) => `'${name}'`).join(', ')}]) as name where to_regclass(name) is not null;
  if found is not null then
    raise exception 'this database is not empty, it has %: restore into an empty one', found;
  end if;
end $$`;

/** As drizzle's migrator makes it. */
const MIGRATIONS_DDL: readonly string[] = [
  'create schema if not exists drizzle',
  'create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)',
];

/**
 * Everything before the rows.
 * @param schema statements of the service's own migrations, so that it is exactly theirs
 */
export function opening(
  header: ScriptHeader,
  schema: readonly string[],
  layout: readonly TableLayout[],
): string {
  const statements = [
    ...SESSION,
    GUARD,
    ...schema,
    ...MIGRATIONS_DDL,
    // A migration may have put rows into a table; the backup has them too.
    `truncate ${layout.map(({ name }) => name).join(', ')}`,
  ];
  return [
    `${HEAD}${FORMAT}`,
    `-- ${JSON.stringify(header)}`,
    ...BEGINNING,
    ...statements.map((statement) => `${terminated(statement)}\n${BREAKPOINT}`),
    '',
  ].join('\n');
}

export function copyStart({ name, columns }: TableLayout): string {
  return `copy ${name} (${columns.join(', ')}) from stdin;\n`;
}

/** @param statements what is done better once the rows are there */
export function closing(statements: readonly string[]): string {
  return statements.map((statement) => `${terminated(statement)}\n${BREAKPOINT}\n`).join('');
}

function terminated(statement: string): string {
  return statement.endsWith(';') ? statement : `${statement};`;
}
