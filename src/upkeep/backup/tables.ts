import type pg from 'pg';
import { MIGRATIONS_TABLE, relationNames, tableNames } from '../../store/relations.js';

/** All that may not be there before a restore: these names are what a restore makes. */
export const namesOfOurs: readonly string[] = [...relationNames, MIGRATIONS_TABLE];

/** A table as it stands in some database: older versions have fewer tables and columns. Every part is SQL, quoted. */
export interface TableLayout {
  readonly name: string;
  readonly columns: readonly string[];
  /** Ordered by these the rows, and so their text, are the same in every database. */
  readonly key: readonly string[];
}

/** Which of these names, and of them which exist: `public.calls`. */
export async function findOurs(client: pg.ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'select name from unnest($1::text[]) as name where to_regclass(name) is not null',
    [namesOfOurs],
  );
  return rows.map(({ name }) => name);
}

/** The tables of the service in this database, drizzle's list of migrations last. */
export async function readLayout(client: pg.ClientBase): Promise<TableLayout[]> {
  const { rows } = await client.query<TableLayout>(
    `select
       quote_ident(c.relname) as name,
       array(
         select quote_ident(a.attname) from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
         order by a.attnum
       ) as columns,
       array(
         select quote_ident(a.attname) || case when a.attcollation <> 0 then ' collate "C"' else '' end
         from pg_index i
         cross join unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
         join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
         where i.indrelid = c.oid and i.indisprimary
         order by k.place
       ) as key
     from unnest($1::text[]) with ordinality as t (name, place)
     join pg_class c on c.oid = to_regclass(quote_ident(t.name))
     order by t.place`,
    [tableNames],
  );
  // Its id counts by itself and means nothing but the order.
  return [...rows, { name: MIGRATIONS_TABLE, columns: ['hash', 'created_at'], key: ['id'] }];
}
