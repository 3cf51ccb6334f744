import { getTableName, getViewName, is } from 'drizzle-orm';
import { PgTable } from 'drizzle-orm/pg-core';
import * as schema from './schema/index.js';

/** Every table of the service, by its schema: a new one is in the next backup without a word here. */
export const tableNames: readonly string[] = Object.values(schema)
  .filter((entry) => is(entry, PgTable))
  .map((table) => getTableName(table));

export const viewName = getViewName(schema.arbitrageCalls);

/** What the migrations make. */
export const relationNames: readonly string[] = [...tableNames, viewName].map((name) => `public.${name}`);

/** Where drizzle's migrator notes what it has applied: with it a database counts as migrated. */
export const MIGRATIONS_TABLE = 'drizzle.__drizzle_migrations';
