import { execFileSync } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import type pg from 'pg';
import { Attachment } from '../../src/store/attachment.js';
import { LOCK_KEY, migrate } from '../../src/store/migrate.js';
import { BackupFileError, RestoreRefusedError } from '../../src/upkeep/backup/errors.js';
import { readMigrations } from '../../src/upkeep/backup/migrations.js';
import { type Restore, restoreBackup, type RestoreRequest } from '../../src/upkeep/backup/restore-backup.js';
import { verifyBackup } from '../../src/upkeep/backup/verify-backup.js';
import { until } from '../helpers/drain.js';
import { createDatabase, createMigratedDatabase } from '../helpers/postgres.js';
import { temporaryDirectory } from '../helpers/service.js';
import { backUp, fill, fillWithNoise, killInTheMiddle, never, newCatalogue, testPool } from './backups.js';

// A slow machine is no failure.
t.setTimeout(240_000);

const db = await createMigratedDatabase(t);
const pool = testPool(t, db.url);
await fill(pool);
const catalogue = await newCatalogue(t);
const manifest = await backUp(pool, catalogue);
const file = catalogue.fileOf(manifest.id);

function restore(url: string, changes: Partial<RestoreRequest> = {}): Promise<Restore> {
  return restoreBackup({
    file,
    target: { connectionString: url },
    replace: false,
    signal: never,
    ...changes,
  });
}

async function hasOurs(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ ours: boolean }>(
    `select to_regclass('public.calls') is not null or to_regnamespace('drizzle') is not null as ours`,
  );
  return rows[0]?.ours === true;
}

/** Runs a statement while this thread stands still. */
function queryNow(url: string, statement: string): void {
  const script = `
    import pg from 'pg';
    const client = new pg.Client(process.argv[1]);
    await client.connect();
    await client.query(process.argv[2]);
    await client.end();`;
  execFileSync(process.execPath, ['--input-type=module', '--eval', script, url, statement]);
}

async function contentsOf(pool: pg.Pool): Promise<Readonly<Record<string, string>>> {
  return (await backUp(pool, await newCatalogue(t))).contents;
}

t.test('a restored database has the same rows, takes a service, and can be backed up again', async (t) => {
  const empty = await createDatabase(t);
  const progress: number[] = [];
  const restored = await restore(empty.url, {
    onProgress: ({ bytes }) => {
      progress.push(bytes);
    },
  });
  t.strictSame(restored, {
    id: manifest.id,
    snapshot_at: manifest.snapshot_at,
    rows: manifest.rows,
    compared: true,
    problems: [],
    lost: null,
  });
  t.equal(progress.at(-1), manifest.bytes);
  const emptyPool = testPool(t, empty.url);
  await migrate(emptyPool);
  t.strictSame(await contentsOf(emptyPool), manifest.contents);
  const { rows } = await emptyPool.query(
    `select call_id from arbitrage_calls where call_id = 'call-7' and clicks = 3`,
  );
  t.equal(rows.length, 1);
});

t.test('without its manifest a backup is restored, and said not to be compared', async (t) => {
  const alone = join(await temporaryDirectory(t), 'somewhere.gz');
  await copyFile(file, alone);
  const empty = await createDatabase(t);
  t.match(await restore(empty.url, { file: alone }), { compared: false, rows: manifest.rows });
});

t.test('a database that holds anything of ours is left as it is', async (t) => {
  const full = await createMigratedDatabase(t);
  await t.rejects(restore(full.url), RestoreRefusedError);
  await t.rejects(restore(full.url), { message: /^the database is not empty, it has public\.call_states, / });
  const other = await createDatabase(t);
  const otherPool = testPool(t, other.url);
  await otherPool.query('create schema drizzle; create table drizzle.__drizzle_migrations (id int)');
  await t.rejects(restore(other.url), { message: /it has drizzle\.__drizzle_migrations: / });
  await otherPool.query('drop schema drizzle cascade; create table of_an_operator (id int)');
  t.match(await restore(other.url), { compared: true }, 'what is not ours is none of our business');
});

t.test('while a service is attached, or migrates, nothing is restored', async (t) => {
  const empty = await createDatabase(t);
  const services = [1, 2].map(() => new Attachment(testPool(t, empty.url)));
  await Promise.all(services.map((service) => service.check()));
  for (const service of services) {
    await t.rejects(restore(empty.url, { replace: true }), {
      name: 'RestoreRefusedError',
      message: /a service is attached to the database \S+: stop it first/,
    });
    service.end();
  }
  t.match(await restore(empty.url), { compared: true });

  const another = await createDatabase(t);
  const migrator = testPool(t, another.url);
  const client = await migrator.connect();
  await client.query('begin');
  await client.query('select pg_advisory_xact_lock($1)', [LOCK_KEY]);
  await t.rejects(restore(another.url), { message: /is being migrated or restored by another process/ });
  client.release(true);
});

t.test('no service can begin to migrate while a restore runs', async (t) => {
  const empty = await createDatabase(t);
  const service = testPool(t, empty.url);
  let migrated: Promise<void> | undefined;
  await restore(empty.url, {
    onProgress: () => {
      migrated ??= migrate(service);
    },
  });
  await migrated;
  t.strictSame(await contentsOf(service), manifest.contents);
});

t.test('what a replaced database had more is counted, exactly, with its times', async (t) => {
  const source = await createMigratedDatabase(t);
  const sourcePool = testPool(t, source.url);
  await fill(sourcePool, 5);
  const backups = await newCatalogue(t);
  const { id, contents } = await backUp(sourcePool, backups);
  await sourcePool.query(
    `insert into calls (call_id, call_type, book_a, odds_a, odds_format, roi_percent, sent_at, users_notified, received_at, fingerprint)
     select 'late-' || i, 'good_ev', 'x', 100, 'american', 1, now(), 0, '2024-01-01T00:00:00.000001Z'::timestamptz + i * interval '1 s', ''
     from generate_series(0, 2) as i`,
  );
  await sourcePool.query(
    `insert into clicks (call_id, event_id, action, clicked_at, received_at, fingerprint)
     values ('call-1', 'late', 'bet', now(), '2027-01-01T00:00:00.5Z', '')`,
  );
  await sourcePool.query(`delete from results`);
  const restored = await restore(source.url, { file: backups.fileOf(id), replace: true });
  t.strictSame(restored.lost, {
    calls: { count: 3, from: '2024-01-01T00:00:00.000001Z', to: '2024-01-01T00:00:02.000001Z' },
    clicks: { count: 1, from: '2027-01-01T00:00:00.500000Z', to: '2027-01-01T00:00:00.500000Z' },
    results: { count: 0, from: null, to: null },
  });
  t.strictSame(await contentsOf(sourcePool), contents);
  const { rows } = await sourcePool.query(
    `select nspname from pg_namespace where nspname like 'call_logger%'`,
  );
  t.strictSame(rows, [], 'nothing of the old one is left');
});

t.test('a replacement that fails leaves the old database as it was', async (t) => {
  const old = await createMigratedDatabase(t);
  const oldPool = testPool(t, old.url);
  await fill(oldPool, 3);
  const before = await contentsOf(oldPool);
  const stop = new AbortController();
  const reason = new Error('enough');
  const aborted = restore(old.url, {
    replace: true,
    signal: stop.signal,
    onProgress: () => {
      stop.abort(reason);
    },
  });
  await t.rejects(aborted, reason);
  t.strictSame(await contentsOf(oldPool), before);

  await oldPool.query('create view of_an_analyst as select call_id from calls');
  await t.rejects(restore(old.url, { replace: true }), {
    name: 'RestoreRefusedError',
    message: /what is there cannot be replaced: .*view of_an_analyst depends on table/s,
  });
  t.strictSame(await contentsOf(oldPool), before);
});

t.test('a file that its manifest disagrees with is not run, unless told', async (t) => {
  const directory = await temporaryDirectory(t);
  const edited = join(directory, 'edited.sql.gz');
  const text = gunzipSync(await readFile(file)).toString();
  const changed = text.replace('\ncall-7\t', '\ncall_7\t');
  await writeFile(edited, gzipSync(changed));
  await copyFile(join(catalogue.directory, `${manifest.id}.json`), join(directory, 'edited.json'));
  const empty = await createDatabase(t);
  const emptyPool = testPool(t, empty.url);
  await t.rejects(restore(empty.url, { file: edited }), {
    name: 'RestoreRefusedError',
    message: /is not what its manifest says: .*has the SHA-256/,
  });
  t.notOk(await hasOurs(emptyPool));
  const forced = await restore(empty.url, { file: edited, force: true });
  t.match(forced.problems, [/^the file has /, /SHA-256/, /has other contents/]);
  t.ok(await hasOurs(emptyPool));
});

t.test('what is no backup, or only a part of one, restores nothing', async (t) => {
  const directory = await temporaryDirectory(t);
  const empty = await createDatabase(t);
  const emptyPool = testPool(t, empty.url);
  const text = gunzipSync(await readFile(file)).toString();
  const rowsAt = text.indexOf('\ncall-7\t');
  const bad: readonly [string, Buffer, RegExp][] = [
    ['no gzip', Buffer.from('select 1;'), /^the file cannot be inflated: incorrect header check$/],
    ['another text', gzipSync('select 1;\n'), /^this is no backup of call-logger$/],
    ['an endless line', gzipSync(Buffer.alloc(2 ** 22, 'x')), /^this is no backup of call-logger/],
    [
      'a later format',
      gzipSync(text.replace('format 1', 'format 2')),
      /^the backup has format 2, this version reads 1$/,
    ],
    ['a cut gzip', gzipSync(text).subarray(0, -100), /^the file cannot be inflated: unexpected end of file$/],
    ['cut in the rows', gzipSync(text.slice(0, rowsAt)), /^the file ends in the middle of the rows$/],
    ['no commit', gzipSync(text.slice(0, -'commit;\n'.length)), /the commit is missing$/],
    ['half a commit', gzipSync(text.slice(0, -3)), /^the file ends in the middle of a line$/],
    ['more than a backup', gzipSync(`${text}drop table calls;\n`), /^the file goes on after its commit$/],
    ['a bad row', gzipSync(text.replace('\ncall-7\t', '\n')), /^PostgreSQL refuses the rows of \S+: /],
    [
      'a bad statement',
      gzipSync(text.replace('CREATE TABLE "calls"', 'CREATE TABEL "calls"')),
      /^PostgreSQL refuses a statement: syntax error/,
    ],
    ['empty', gzipSync(''), /^this is no backup of call-logger$/],
    [
      'of a later version',
      gzipSync(text.replace(/(\t\d{13})\n\\\.\n(?!copy)/, `$1\n${'0'.repeat(64)}\t9000000000000\n\\.\n`)),
      /^the backup was made by a later version of call-logger/,
    ],
  ];
  for (const [what, content, message] of bad) {
    const path = join(directory, 'bad.gz');
    await writeFile(path, content);
    await t.rejects(restore(empty.url, { file: path }), { name: 'BackupFileError', message }, what);
    t.notOk(await hasOurs(emptyPool), what);
  }
  await t.rejects(restore(empty.url, { file: join(directory, 'absent.gz') }), { code: 'ENOENT' });
  t.match(await restore(empty.url), { compared: true });
});

t.test('a backup of an older version is verified, restored, and brought up to date', async (t) => {
  const old = await createDatabase(t);
  const oldPool = testPool(t, old.url);
  const [first] = readMigrations();
  for (const statement of first?.statements ?? []) await oldPool.query(statement);
  await oldPool.query('create schema drizzle');
  await oldPool.query(
    'create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)',
  );
  await oldPool.query('insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)', [
    first?.hash,
    first?.created_at,
  ]);
  await oldPool.query(
    `insert into dead_letters (spool_id, sequence, reason, detail, payload) values (gen_random_uuid(), 1, 'corrupt', 'd', 'p')`,
  );
  const backups = await newCatalogue(t);
  const made = await backUp(oldPool, backups);
  t.match(made, {
    migration: { tag: '0000_initial', count: 1 },
    rows: { dead_letters: 1, upkeep_runs: undefined },
  });
  const scratch = { kind: 'beside', pool: oldPool, target: { connectionString: old.url } } as const;
  t.match(await verifyBackup({ catalogue: backups, id: made.id, scratch, signal: never }), { ok: true });

  const empty = await createDatabase(t);
  await restore(empty.url, { file: backups.fileOf(made.id) });
  const emptyPool = testPool(t, empty.url);
  const { rows } = await emptyPool.query('select detail, replays from dead_letters');
  t.strictSame(rows, [{ detail: 'd', replays: 0 }]);
  const after = await backUp(emptyPool, backups);
  t.match(after, { migration: { count: readMigrations().length }, rows: { upkeep_runs: 0 } });
});

t.test('a restore that was killed leaves what was there, and the next one is right', async (t) => {
  const source = await createMigratedDatabase(t);
  const sourcePool = testPool(t, source.url);
  await fillWithNoise(sourcePool, 16);
  const backups = await newCatalogue(t);
  const { id, contents } = await backUp(sourcePool, backups);
  const old = await createMigratedDatabase(t);
  const oldPool = testPool(t, old.url);
  await fill(oldPool, 2);
  const before = await contentsOf(oldPool);
  await killInTheMiddle(['restore-stuck', old.url, backups.fileOf(id)]);
  await until(async () => {
    const { rowCount } = await oldPool.query(
      `select from pg_stat_activity where datname = current_database() and application_name = 'call-logger restore'`,
    );
    return rowCount === 0;
  });
  t.strictSame(await contentsOf(oldPool), before);
  await restore(old.url, { file: backups.fileOf(id), replace: true });
  t.strictSame(await contentsOf(oldPool), contents);
});

t.test('a database away, or lost in the middle, is an error of its own', async (t) => {
  await t.rejects(restore('postgres://127.0.0.1:1/nowhere'), { code: 'ECONNREFUSED' });
  const empty = await createDatabase(t);
  const emptyPool = testPool(t, empty.url);
  let isKilled = false;
  const lost = restore(empty.url, {
    // Small as it is, the restore would be through before another statement of this thread was.
    onProgress: () => {
      if (isKilled) return;
      isKilled = true;
      queryNow(
        empty.url,
        `select pg_terminate_backend(pid, 5000) from pg_stat_activity
         where datname = current_database() and application_name = 'call-logger restore'`,
      );
    },
  });
  const error: unknown = await lost.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  t.ok(error instanceof Error);
  t.notOk(error instanceof BackupFileError || error instanceof RestoreRefusedError, String(error));
  t.notOk(await hasOurs(emptyPool));
});
