import type pg from 'pg';
import { messageOf } from '../../lib/errors.js';
import { type ConnectionTarget, createPool } from '../../store/database.js';
import { migrate } from '../../store/migrate.js';
import { type FileProgress, inflate, problemsOf } from './backup-file.js';
import { withConnection } from '../../store/connections.js';
import { begin, NO_TIME_LIMITS } from '../../store/transaction.js';
import { BackupFileError, RestoreRefusedError } from './errors.js';
import { manifestBeside } from './files.js';
import { differences, type Manifest, readManifest } from './manifest.js';
import { dropReplaced, type Lost, lostRows, setAside } from './replaced.js';
import { runScript } from './run-script.js';
import { findOurs } from './tables.js';
import { lockTarget } from './target.js';

export interface RestoreRequest {
  /** Path of a backup; its manifest is looked for beside it. */
  readonly file: string;
  readonly target: ConnectionTarget;
  /** Ours that is there gives way, in the same transaction. The caller has made a backup of it. */
  readonly replace: boolean;
  /** Run a file that its manifest disagrees with. */
  readonly force?: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: FileProgress) => void;
}

export interface Restore {
  readonly id: string;
  readonly snapshot_at: string;
  readonly rows: Readonly<Record<string, number>>;
  /** False when there was no manifest to compare with. */
  readonly compared: boolean;
  /** What the manifest disagrees with; only with `force`. */
  readonly problems: readonly string[];
  /** Of the database that was replaced, what is not in the restored one; null when there was none. */
  readonly lost: Lost | null;
}

/**
 * Puts a backup into a database, in one transaction, reads it back, compares, commits, and brings the schema up to date.
 * When this rejects before the commit, the database is as it was.
 * @throws RestoreRefusedError, BackupFileError, and what PostgreSQL throws
 */
export async function restoreBackup(request: RestoreRequest): Promise<Restore> {
  const { file, signal } = request;
  const { manifest, problems } = await checkFile(request);
  if (problems.length > 0 && request.force !== true)
    throw new RestoreRefusedError(`${file} is not what its manifest says: ${problems.join('; ')}`);
  const pool = createPool(
    request.target,
    { name: 'restore', max: 1, statementTimeoutMs: 0 },
    () => undefined,
  );
  try {
    const restored = await withConnection(pool, signal, (client) =>
      restore(client, request, manifest, problems),
    );
    await migrate(pool);
    return restored;
  } finally {
    await pool.end();
  }
}

interface Checked {
  readonly manifest: Manifest | undefined;
  readonly problems: readonly string[];
}

async function checkFile({ file, signal }: RestoreRequest): Promise<Checked> {
  const beside = manifestBeside(file);
  if (beside === null) return { manifest: undefined, problems: [] };
  try {
    const manifest = await readManifest(beside);
    const problems = manifest === undefined ? [] : await problemsOf(file, manifest, signal);
    return { manifest, problems };
  } catch (error) {
    if (!(error instanceof BackupFileError)) throw error;
    return { manifest: undefined, problems: [messageOf(error)] };
  }
}

async function restore(
  client: pg.PoolClient,
  { file, replace, force, signal, onProgress }: RestoreRequest,
  manifest: Manifest | undefined,
  problems: readonly string[],
): Promise<Restore> {
  await begin(client, 'read write');
  await client.query(NO_TIME_LIMITS);
  await lockTarget(client);
  const found = await findOurs(client);
  if (found.length > 0 && !replace)
    throw new RestoreRefusedError(
      `the database is not empty, it has ${found.join(', ')}: restore into an empty one, or tell to replace these`,
    );
  if (found.length > 0) await setAside(client, found);
  const { header, contents } = await runScript(client, inflate(file, signal, onProgress), signal);
  const different = manifest === undefined ? [] : differences(manifest, contents);
  if (different.length > 0 && force !== true)
    throw new RestoreRefusedError(`what was restored is not what the manifest says: ${different.join('; ')}`);
  const lost = found.length > 0 ? await lostRows(client) : null;
  if (found.length > 0) await dropReplaced(client);
  await client.query('commit');
  return {
    id: header.id,
    snapshot_at: header.snapshot_at,
    rows: Object.fromEntries([...contents].map(([table, { rows }]) => [table, rows])),
    compared: manifest !== undefined,
    problems: [...new Set([...problems, ...different])],
    lost,
  };
}
