import { pipeline } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { errorCode, messageOf } from '../../lib/errors.js';
import { MIGRATIONS_TABLE } from '../../store/relations.js';
import { type Content, readContents } from './copy-text.js';
import { BackupFileError } from './errors.js';
import { readMigrations } from './migrations.js';
import type { ScriptHeader } from './script.js';
import { readScript } from './script-reader.js';
import { readLayout } from './tables.js';

export interface Restored {
  readonly header: ScriptHeader;
  /** As the database has it now, read back. */
  readonly contents: ReadonlyMap<string, Content>;
}

/**
 * Runs a backup's script in the transaction that is open on the connection, and leaves it open: what the script did can
 * be looked at before it counts.
 * @param text of the backup
 * @throws BackupFileError when the text is none of a backup, or PostgreSQL refuses what it says
 */
export async function runScript(
  client: pg.PoolClient,
  text: AsyncIterator<Buffer>,
  signal: AbortSignal,
): Promise<Restored> {
  let header: ScriptHeader | undefined;
  for await (const part of readScript(text)) {
    if (part.kind === 'header') {
      header = part.header;
      continue;
    }
    try {
      if (part.kind === 'statement') await client.query(part.sql);
      else await pipeline(part.rows, client.query(copyFrom(part.sql)), { signal });
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const what = part.kind === 'copy' ? `the rows of ${part.table}` : `a statement`;
      throw new BackupFileError(`PostgreSQL refuses ${what}: ${messageOf(error)}`, { cause: error });
    }
  }
  if (header === undefined) throw new BackupFileError('the file is empty');
  await requireKnownMigrations(client);
  return { header, contents: await readContents(client, await readLayout(client), signal) };
}

/** A later service would have its own ideas of these tables. */
async function requireKnownMigrations(client: pg.PoolClient): Promise<void> {
  const { rows } = await client.query<{ latest: string | null }>(
    `select max(created_at)::text as latest from ${MIGRATIONS_TABLE}`,
  );
  const latest = Number(rows[0]?.latest ?? 0);
  if (latest > (readMigrations().at(-1)?.created_at ?? 0))
    throw new BackupFileError(
      'the backup was made by a later version of call-logger: restore it with that one',
    );
}

/**
 * SQLSTATE classes that speak of what was asked, not of the server's state: feature, data, constraint, transaction state,
 * statement name, syntax and names, limits, raised by the script.
 */
const REFUSALS: ReadonlySet<string> = new Set(['0A', '22', '23', '25', '26', '2B', '3F', '42', '54', 'P0']);
const PRIVILEGE = '42501';

function isRefusal(error: unknown): boolean {
  const code = errorCode(error);
  return (
    code !== undefined && /^[0-9A-Z]{5}$/.test(code) && code !== PRIVILEGE && REFUSALS.has(code.slice(0, 2))
  );
}
