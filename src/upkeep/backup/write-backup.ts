import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type pg from 'pg';
import { lockDirectory } from '../../lib/directory-lock.js';
import { makeDirectory, publish, writeSynced } from '../../lib/durable-files.js';
import { utcTimeFromMs } from '../../lib/time.js';
import { type Content, copyText, TEXT_SETTINGS } from './copy-text.js';
import { withConnection } from '../../store/connections.js';
import { MIGRATIONS_TABLE } from '../../store/relations.js';
import { begin, NO_TIME_LIMITS } from '../../store/transaction.js';
import { requireFree, whileFree } from './disk-reserve.js';
import { type BackupPaths, fileNameOf, idsIn, pathsOf, remove, sweep } from './files.js';
import { timeOfBackupId } from './ids.js';
import { type Manifest, sealed, textOf } from './manifest.js';
import { arranged, type Migration, readMigrations } from './migrations.js';
import { closing, COPY_END, copyStart, ENDING, FORMAT, opening } from './script.js';
import { readLayout, type TableLayout } from './tables.js';

export interface BackupRequest {
  readonly pool: pg.Pool;
  /** Of backups; made when it is missing. */
  readonly directory: string;
  /** So much of its disk stays free; 0, the default: none of it. */
  readonly diskReserveBytes?: number;
  /** From `newBackupId`. */
  readonly id: string;
  readonly trigger: Manifest['trigger'];
  readonly serviceVersion: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: BackupProgress) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface BackupProgress {
  readonly table: string;
  /** Of all tables so far. */
  readonly rows: number;
  /** By PostgreSQL's estimate. */
  readonly rowsExpected: number;
}

/** Level 6 makes files smaller by a fifteenth and takes nearly twice the processor time, which ingest needs meanwhile. */
const GZIP_LEVEL = 1;
const CHUNK_BYTES = 64 * 1024;

/**
 * Writes a backup of one snapshot of the database and its manifest. Ingest goes on beside it. When this rejects, also for
 * an abort, there is nothing of it; after a crash, nothing that counts, and the next run sweeps it away.
 * @throws DirectoryInUseError while another run writes into the directory, DiskReserveError
 */
export async function writeBackup(request: BackupRequest): Promise<Manifest> {
  const { directory, id, diskReserveBytes = 0 } = request;
  const paths = pathsOf(directory, id);
  await makeDirectory(directory);
  const lock = await lockDirectory(directory);
  try {
    await sweep(directory);
    await requireFree(directory, diskReserveBytes);
    if ((await idsIn(directory)).includes(id)) throw new Error(`there is a backup ${id} already`);
    return await make(request, paths);
  } finally {
    await lock.release();
  }
}

async function make(request: BackupRequest, paths: BackupPaths): Promise<Manifest> {
  try {
    const file = await open(paths.partialFile, 'wx', 0o600);
    let manifest: Manifest;
    try {
      manifest = await withConnection(request.pool, request.signal, (client) => write(client, file, request));
      await file.sync();
    } finally {
      await file.close();
    }
    await writeSynced(paths.partialManifest, textOf(manifest));
    await publish(paths.partialFile, paths.file);
    await publish(paths.partialManifest, paths.manifest);
    return manifest;
  } catch (error) {
    // On a disk that fails it may fail too; then the next run does it.
    await remove(request.directory, request.id).catch(() => undefined);
    throw error;
  }
}

async function write(client: pg.PoolClient, file: FileHandle, request: BackupRequest): Promise<Manifest> {
  const { id, trigger, serviceVersion, now = Date.now } = request;
  await begin(client, 'isolation level repeatable read, read only');
  for (const setting of [...TEXT_SETTINGS, NO_TIME_LIMITS]) await client.query(setting);
  const source = await readSource(client);
  const contents = new Map<string, Content>();
  const { bytes, sha256 } = await writeFile(file, script(client, source, request, contents), request);
  await client.query('commit');
  const last = source.migrations.at(-1);
  return sealed({
    format: FORMAT,
    id,
    state: 'complete',
    trigger,
    created_at: timeOfBackupId(id),
    finished_at: utcTimeFromMs(now()),
    snapshot_at: source.snapshotAt,
    file: fileNameOf(id),
    bytes,
    sha256,
    rows: Object.fromEntries([...contents].map(([table, { rows }]) => [table, rows])),
    contents: Object.fromEntries([...contents].map(([table, content]) => [table, content.sha256])),
    migration: { tag: last?.tag ?? '', hash: last?.hash ?? '', count: source.migrations.length },
    server_version: source.serverVersion,
    service_version: serviceVersion,
    verified_at: null,
    error: null,
  });
}

interface Source {
  readonly snapshotAt: string;
  readonly serverVersion: string;
  readonly migrations: readonly Migration[];
  readonly layout: readonly TableLayout[];
  readonly rowsExpected: number;
}

/** @throws Error when the database is not one of ours, or of a later version of us */
async function readSource(client: pg.PoolClient): Promise<Source> {
  const { rows } = await client.query<{ snapshot_at: string; server_version: string; migrated: boolean }>(
    `select to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as snapshot_at,
       current_setting('server_version') as server_version, to_regclass($1) is not null as migrated`,
    [MIGRATIONS_TABLE],
  );
  const [about] = rows;
  if (about?.migrated !== true)
    throw new Error('this database has no tables of call-logger: nothing to back up');
  const layout = await readLayout(client);
  const estimate = await client.query<{ rows: string }>(
    `select coalesce(sum(greatest(reltuples, 0)), 0)::bigint::text as rows
     from unnest($1::text[]) as name join pg_class on pg_class.oid = to_regclass(name)`,
    [layout.map(({ name }) => name)],
  );
  return {
    snapshotAt: about.snapshot_at,
    serverVersion: about.server_version,
    migrations: await appliedMigrations(client),
    layout,
    rowsExpected: Number(estimate.rows[0]?.rows),
  };
}

async function appliedMigrations(client: pg.PoolClient): Promise<Migration[]> {
  const { rows } = await client.query<{ at: string | null }>(
    `select max(created_at)::text as at from ${MIGRATIONS_TABLE}`,
  );
  const at = Number(rows[0]?.at ?? 0);
  const known = readMigrations();
  const applied = known.filter((migration) => migration.created_at <= at);
  if (applied.at(-1)?.created_at !== at)
    throw new Error('this database was migrated by another version of call-logger: back it up with that one');
  return applied;
}

async function* script(
  client: pg.PoolClient,
  { snapshotAt, migrations, layout, rowsExpected }: Source,
  { id, signal, onProgress }: BackupRequest,
  contents: Map<string, Content>,
): AsyncGenerator<Buffer, void> {
  const header = { id, snapshot_at: snapshotAt, migration: migrations.at(-1)?.tag ?? '' };
  const { before, after } = arranged(migrations);
  yield Buffer.from(opening(header, before, layout));
  let rowsBefore = 0;
  for (const table of layout) {
    yield Buffer.from(copyStart(table));
    const content = yield* copyText(client, table, signal, (rows) => {
      onProgress?.({ table: table.name, rows: rowsBefore + rows, rowsExpected });
    });
    contents.set(table.name, content);
    rowsBefore += content.rows;
    yield Buffer.from(`${COPY_END}\n`);
  }
  yield Buffer.from(closing(after));
}

/** Two gzip members: the second holds the commit alone. */
async function writeFile(
  file: FileHandle,
  text: AsyncGenerator<Buffer, void>,
  { directory, diskReserveBytes = 0, signal }: BackupRequest,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for (const member of [text, [Buffer.from(`${ENDING}\n`)]]) {
    const zip = createGzip({ level: GZIP_LEVEL, chunkSize: CHUNK_BYTES });
    await pipeline(
      member,
      zip,
      async (compressed: AsyncIterable<Buffer>) => {
        for await (const chunk of whileFree(compressed, directory, diskReserveBytes)) {
          hash.update(chunk);
          bytes += chunk.length;
          await file.writeFile(chunk);
        }
      },
      { signal },
    );
  }
  return { bytes, sha256: hash.digest('hex') };
}
