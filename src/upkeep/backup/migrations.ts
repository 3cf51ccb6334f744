import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { migrationsFolder } from '../../store/migrate.js';

/** One step of the schema, as drizzle's migrator applies it and notes it in `drizzle.__drizzle_migrations`. */
export interface Migration {
  readonly tag: string;
  /** By which the migrator orders them: a database is at the version of the latest one it notes. */
  readonly created_at: number;
  readonly hash: string;
  readonly statements: readonly string[];
}

/** What separates the statements of a migration, and of a backup. To PostgreSQL it is a comment. */
export const BREAKPOINT = '--> statement-breakpoint';

const journal = Compile(
  Type.Object({ entries: Type.Array(Type.Object({ tag: Type.String(), when: Type.Number() })) }),
);
type Journal = Static<ReturnType<typeof journal.Type>>;

/** The migrations of this version of the service, oldest first. */
export function readMigrations(): Migration[] {
  const { entries }: Journal = journal.Parse(
    JSON.parse(readFileSync(join(migrationsFolder, 'meta', '_journal.json'), 'utf8')),
  );
  return entries.map(({ tag, when }) => {
    const text = readFileSync(join(migrationsFolder, `${tag}.sql`), 'utf8');
    const hash = createHash('sha256').update(text).digest('hex');
    return { tag, created_at: when, hash, statements: text.split(BREAKPOINT).map((part) => part.trim()) };
  });
}

/** What comes before and after the rows when the schema is made for rows that are there at once. */
export interface Arrangement {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/**
 * An index over rows that are there already is made in half the time that it takes to keep one up to date row by row
 * (measured on a million calls). So indexes wait, but for those that a later step, or one on their table, might need.
 */
export function arranged(migrations: readonly Migration[]): Arrangement {
  const statements = migrations.flatMap((migration) => migration.statements);
  const after = statements.filter((statement, at) => {
    const [, index, table] = /^create index "(\w+)" on "(\w+)" /i.exec(statement) ?? [];
    if (index === undefined || table === undefined) return false;
    const changes = statements.slice(at + 1).filter((later) => !/^create /i.test(later));
    return !changes.some((later) => later.includes(index) || later.includes(table));
  });
  return { before: statements.filter((statement) => !after.includes(statement)), after };
}
