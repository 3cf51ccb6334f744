import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { UtcTime } from '../../../lib/time.js';
import { borrowConnection } from '../../connections.js';
import { begin, NO_TIME_LIMITS } from '../../transaction.js';
import { FOR_LARGE_READS } from '../large-reads.js';
import type { ExportStatements } from './statement.js';

export interface Summary {
  readonly rows: number;
  readonly firstSentAt: UtcTime | null;
  readonly lastSentAt: UtcTime | null;
}

/** One moment of the database, of which all that an export tells is true. */
export interface Snapshot {
  readonly summary: Summary;
  /** In PostgreSQL's binary COPY format; as long as nobody reads, PostgreSQL waits. */
  readonly rows: Readable;
  /** When all rows are read: gives the connection back. */
  finish(): Promise<void>;
  /** Ends the query and the connection, unless they have finished. */
  discard(): void;
}

/**
 * Resolves when the first row is there to be read, so that a query which fails at once is no broken body.
 * @param signal nobody waits for it any more
 */
export async function openSnapshot(
  pool: pg.Pool,
  statements: ExportStatements,
  signal?: AbortSignal,
): Promise<Snapshot> {
  const { client, giveBack, drop } = await borrowConnection(pool, signal);
  try {
    await begin(client, 'isolation level repeatable read, read only');
    // Idle, too: PostgreSQL is often through while its last rows still wait for their reader.
    await client.query(NO_TIME_LIMITS);
    await client.query(`select ${FOR_LARGE_READS}`);
    await set(client, statements.settings);
    const summary = await summarise(client, statements.summary);
    const rows: Readable = client.query(copyTo(`copy (${statements.rows}) to stdout (format binary)`));
    // An error reaches whoever reads; one that comes when nobody does any more must not end the process.
    rows.on('error', () => undefined);
    await once(rows, 'readable');
    return {
      summary,
      rows,
      finish: async () => {
        await client.query('commit');
        giveBack();
      },
      discard: () => {
        rows.destroy();
        drop();
      },
    };
  } catch (error) {
    drop();
    throw error;
  }
}

async function summarise(client: pg.ClientBase, statement: string): Promise<Summary> {
  const {
    rows: [summary],
  } = await client.query<Summary>(statement);
  if (summary === undefined) throw new Error('a count gave no row');
  return summary;
}

/** For the transaction. */
async function set(client: pg.ClientBase, settings: ReadonlyMap<string, string>): Promise<void> {
  await client.query(
    'select set_config(name, value, true) from unnest($1::text[], $2::text[]) as setting (name, value)',
    [[...settings.keys()], [...settings.values()]],
  );
}
