import { once } from 'node:events';
import { copyFile, readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { BackupFileError, CannotVerifyError, NoSuchBackupError } from '../../src/upkeep/backup/errors.js';
import type { Manifest } from '../../src/upkeep/backup/manifest.js';
import { arranged, readMigrations } from '../../src/upkeep/backup/migrations.js';
import { Attachment } from '../../src/store/attachment.js';
import { tableNames } from '../../src/store/relations.js';
import { withDatabase } from '../../src/upkeep/backup/target.js';
import { type Verification, verifyBackup } from '../../src/upkeep/backup/verify-backup.js';
import type { BackupCatalogue } from '../../src/upkeep/backup/catalogue.js';
import { witnessDisk } from '../helpers/disk-witness.js';
import { until } from '../helpers/drain.js';
import { createDatabase, createMigratedDatabase } from '../helpers/postgres.js';
import {
  backUp,
  fill,
  fillWithNoise,
  killInTheMiddle,
  never,
  newCatalogue,
  psql,
  psqlRestore,
  psqlRows,
  psqlSchema,
  startTask,
  testPool,
  textOfBackup,
  withoutPsql,
} from './backups.js';

// A slow machine is no failure.
t.setTimeout(240_000);

const numRuns = Number(process.env['PROPERTY_RUNS'] ?? 200);

const db = await createMigratedDatabase(t);
const pool = testPool(t, db.url);
await fill(pool);
const target = { connectionString: db.url };
const scratch = { kind: 'beside', pool, target } as const;
const migrations = readMigrations();
const newest = migrations.at(-1)?.tag;

function verify(catalogue: BackupCatalogue, id: string): Promise<Verification> {
  return verifyBackup({ catalogue, id, scratch, signal: never });
}

async function databases(): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `select datname as name from pg_database where datname like 'call_logger_verify_' || (
       select oid from pg_database where datname = current_database()) || '%'`,
  );
  return rows.map(({ name }) => name);
}

t.test('a backup has every table of the database, and every row of them', async (t) => {
  const { rows } = await pool.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`,
  );
  t.strictSame([...tableNames].sort(), rows.map(({ name }) => name).sort());
  const catalogue = await newCatalogue(t);
  const manifest = await backUp(pool, catalogue, { now: () => Date.parse('2026-01-02T03:04:05.678Z') });
  for (const { name } of rows) {
    const counted = await pool.query<{ count: number }>(`select count(*)::int as count from ${name}`);
    t.equal(manifest.rows[name], counted.rows[0]?.count, name);
    t.ok((counted.rows[0]?.count ?? 0) > 0, `${name} has rows to lose`);
  }
  t.match(manifest, {
    state: 'complete',
    trigger: 'manual',
    finished_at: '2026-01-02T03:04:05.678000Z',
    service_version: '1.2.3',
    verified_at: null,
    error: null,
    migration: { tag: newest, count: migrations.length },
  });
  const file = catalogue.fileOf(manifest.id);
  t.equal((await stat(file)).mode & 0o777, 0o600);
  t.equal((await stat(catalogue.directory)).mode & 0o777, 0o700);
  t.strictSame((await readdir(catalogue.directory)).sort(), [`${manifest.id}.json`, `${manifest.id}.sql.gz`]);
  t.strictSame(await catalogue.list(), [manifest]);
  t.ok((await textOfBackup(file)).endsWith('\ncommit;\n'));
});

t.test('two backups of the same rows have the same contents, whatever the session says', async (t) => {
  const catalogue = await newCatalogue(t);
  const first = await backUp(pool, catalogue);
  const url = new URL(db.url);
  const settings =
    '-c timezone=Asia/Tokyo -c datestyle=SQL,DMY -c bytea_output=escape -c extra_float_digits=-3';
  url.searchParams.set('options', settings);
  const other = testPool(t, url.href);
  await other.query(`alter role current_user in database ${db.name} set bytea_output = 'escape'`);
  const second = await backUp(other, catalogue);
  await other.query(`alter role current_user in database ${db.name} reset all`);
  t.strictSame(second.contents, first.contents);
  t.strictSame(second.rows, first.rows);
});

t.test(
  'psql alone restores it, value by value and with the same schema',
  { skip: withoutPsql },
  async (t) => {
    const catalogue = await newCatalogue(t);
    const { id } = await backUp(pool, catalogue);
    const file = catalogue.fileOf(id);
    const empty = await createDatabase(t);
    t.strictSame(await psqlRestore(file, empty.url), { code: 0, said: '' });
    t.strictSame(await psqlRows(empty.url), await psqlRows(db.url));
    t.equal(await psqlSchema(empty.url), await psqlSchema(db.url));

    const again = await psqlRestore(file, empty.url);
    t.not(again.code, 0, 'a database that holds ours is left alone');
    t.match(again.said, /this database is not empty, it has public\.call_states, /);
  },
);

t.test(
  'an index waits for the rows, unless a later migration may need it or changes its table',
  async (t) => {
    const step = (...statements: string[]) => ({ tag: 't', created_at: 1, hash: 'h', statements });
    const tables = ['CREATE TABLE "a" (x int);', 'CREATE TABLE "b" (x int);'];
    const [onA = '', onB = ''] = ['a', 'b'].map(
      (table) => `CREATE INDEX "i${table}" ON "${table}" USING btree ("x");`,
    );
    const unique = 'CREATE UNIQUE INDEX "u" ON "a" ("x");';
    t.strictSame(arranged([step(...tables, onA, onB, unique)]), {
      before: [...tables, unique],
      after: [onA, onB],
    });
    for (const change of [
      'ALTER TABLE "a" RENAME COLUMN "x" TO "y";',
      'DROP INDEX "ia";',
      'DROP TABLE "a";',
    ]) {
      const { before, after } = arranged([step(...tables, onA), step(change, onB)]);
      t.strictSame({ before, after }, { before: [...tables, onA, change], after: [onB] });
    }
  },
);

t.test('of a backup that is cut anywhere psql restores nothing', { skip: withoutPsql }, async (t) => {
  const catalogue = await newCatalogue(t);
  const { id, bytes } = await backUp(pool, catalogue);
  const file = catalogue.fileOf(id);
  const empty = await createDatabase(t);
  // The last 8 bytes are gzip's checksum of the word "commit;": without them all is there.
  const cuts = [
    0,
    1,
    20,
    bytes >> 3,
    bytes >> 2,
    bytes >> 1,
    bytes - 200,
    bytes - 40,
    bytes - 30,
    bytes - 28,
    bytes - 20,
  ];
  for (const length of cuts) {
    const cut = join(catalogue.directory, 'cut');
    await copyFile(file, cut);
    await truncate(cut, length);
    await psqlRestore(cut, empty.url);
    t.equal(
      await psql(empty.url, `select count(*) from pg_class where relname = 'calls'`),
      '0\n',
      `${length}`,
    );
  }
  const damaged = join(catalogue.directory, 'damaged');
  const content = await readFile(file);
  const second = content.lastIndexOf(Buffer.from([0x1f, 0x8b, 0x08]));
  content.writeUInt8(content.readUInt8(second - 8) ^ 1, second - 8);
  await writeFile(damaged, content);
  await psqlRestore(damaged, empty.url);
  t.equal(
    await psql(empty.url, `select count(*) from pg_class where relname = 'calls'`),
    '0\n',
    'a wrong checksum',
  );
});

t.test('a backup is one snapshot: what is committed while it runs is not in it', async (t) => {
  const source = await createMigratedDatabase(t);
  const sourcePool = testPool(t, source.url);
  await fill(sourcePool, 5);
  const catalogue = await newCatalogue(t);
  const before = await backUp(sourcePool, catalogue);
  let arrived: Promise<unknown> | undefined;
  const during = await backUp(sourcePool, catalogue, {
    onProgress: () => {
      arrived ??= sourcePool.query(
        'delete from results; delete from upkeep_runs; update clicks set user_id = null',
      );
    },
  });
  await arrived;
  t.strictSame(during.contents, before.contents);
  t.not((await backUp(sourcePool, catalogue)).rows['results'], before.rows['results']);
});

t.test('an aborted backup leaves nothing, and the pool is of use', async (t) => {
  const catalogue = await newCatalogue(t);
  const stop = new AbortController();
  const reason = new Error('the service stops');
  const aborted = backUp(pool, catalogue, {
    signal: stop.signal,
    onProgress: () => {
      stop.abort(reason);
    },
  });
  await t.rejects(aborted, reason);
  t.strictSame(await readdir(catalogue.directory), []);
  await t.rejects(backUp(pool, catalogue, { signal: stop.signal }), reason);
  t.match(await backUp(pool, catalogue), { state: 'complete' });
});

t.test('a full disk is a failed backup of which nothing is left', async (t) => {
  if (spawnSync('prlimit', ['--version']).status !== 0) {
    t.comment('prlimit is not installed: not tested');
    return;
  }
  const source = await createMigratedDatabase(t);
  await fillWithNoise(testPool(t, source.url), 4);
  const catalogue = await newCatalogue(t);
  const task = startTask(['backup', source.url, catalogue.directory], ['prlimit', '--fsize=100000']);
  let said = '';
  task.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(task, 'close');
  t.match(said, /^failed: .*EFBIG/);
  t.strictSame(await readdir(catalogue.directory), []);
});

t.test('a backup and its trial leave the reserve of the disk alone, and nothing of themselves', async (t) => {
  const catalogue = await newCatalogue(t);
  const { id } = await backUp(pool, catalogue);
  const names = (await readdir(catalogue.directory)).sort();
  const diskReserveBytes = 2 ** 52;
  const told = {
    code: 'DISK_FULL',
    message: /^The disk of the backups has .* free; DISK_RESERVE_BYTES keeps 4294967296\.0 MiB free\.$/,
  };
  await t.rejects(backUp(pool, catalogue, { diskReserveBytes }), told);
  await t.rejects(verifyBackup({ catalogue, id, scratch, diskReserveBytes, signal: never }), told);
  t.strictSame((await readdir(catalogue.directory)).sort(), names);
  t.strictSame(await databases(), []);
  t.match(await catalogue.get(id), { state: 'complete', verified_at: null }, 'which says nothing about it');
});

t.test('a database that is not ours, or not of this version, is not backed up', async (t) => {
  const catalogue = await newCatalogue(t);
  const empty = await createDatabase(t);
  await t.rejects(backUp(testPool(t, empty.url), catalogue), { message: /no tables of call-logger/ });
  const newer = testPool(t, (await createMigratedDatabase(t)).url);
  await newer.query(`insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 9e15)`);
  await t.rejects(backUp(newer, catalogue), { message: /another version of call-logger/ });
  t.strictSame(await catalogue.list(), []);
});

t.test('a backup is on disk before it has its name, and its manifest comes last', async (t) => {
  const catalogue = await newCatalogue(t);
  await backUp(pool, catalogue);
  const deeds = witnessDisk(t);
  const { id } = await backUp(pool, catalogue);
  const names = basename(catalogue.directory);
  const ofBackup = deeds.filter((deed) => !deed.startsWith('name lock.'));
  t.strictSame(ofBackup, [
    `sync ${id}.sql.gz.partial`,
    `sync ${id}.json.partial`,
    `name ${id}.sql.gz`,
    `sync ${names}`,
    `name ${id}.json`,
    `sync ${names}`,
  ]);
});

t.test('a backup that was killed does not count, and the next one sweeps it away', async (t) => {
  const catalogue = await newCatalogue(t);
  await killInTheMiddle(['backup-stuck', db.url, catalogue.directory]);
  const left = await readdir(catalogue.directory);
  t.ok(
    left.some((name) => name.endsWith('.sql.gz.partial')),
    'it was in the middle',
  );
  t.strictSame(await catalogue.list(), []);

  // Killed between the two renames, and in the middle of a removal: both leave a file and the manifest put aside.
  const { id } = await backUp(pool, catalogue);
  await rename(join(catalogue.directory, `${id}.json`), join(catalogue.directory, `${id}.json.partial`));
  t.match(await catalogue.list(), [{ id, state: 'failed', error: 'its manifest is missing' }]);
  const foreign = '20200101T000000Z-00000000.sql.gz';
  await writeFile(join(catalogue.directory, foreign), 'put there by somebody');

  const next = await backUp(pool, catalogue);
  const files = (await readdir(catalogue.directory)).filter((name) => !name.startsWith('lock.'));
  t.strictSame(files.sort(), [foreign, `${next.id}.json`, `${next.id}.sql.gz`]);
  t.match(await verify(catalogue, next.id), { ok: true });
});

t.test('two at once into one directory: one is refused, and takes nothing from the other', async (t) => {
  const catalogue = await newCatalogue(t);
  const both = await Promise.allSettled([backUp(pool, catalogue), backUp(pool, catalogue)]);
  const refused = both.filter(({ status }) => status === 'rejected');
  t.match(refused, [{ reason: { name: 'DirectoryInUseError' } }]);
  t.match(await catalogue.list(), [{ state: 'complete' }]);
});

t.test('the catalogue lists newest first, removes, opens ranges, and takes no path for an id', async (t) => {
  const catalogue = await newCatalogue(t);
  t.strictSame(await catalogue.list(), [], 'also before there is a directory');
  const ids = ['20250101T000000Z-aaaaaaaa', '20250102T000000Z-00000000', '20250103T000000Z-00000000'];
  for (const id of ids) await backUp(pool, catalogue, { id });
  t.strictSame(
    (await catalogue.list()).map(({ id }) => id),
    [...ids].reverse(),
  );
  const [id = ''] = ids;
  const whole = await readFile(catalogue.fileOf(id));
  const open = await catalogue.open(id, { start: 10, end: 19 });
  const [part] = (await once(open.stream, 'data')) as [Buffer];
  t.strictSame(part, whole.subarray(10, 20));
  t.match(open, { bytes: whole.length, fileName: `${id}.sql.gz` });

  for (const bad of [
    '../x',
    '',
    'x',
    '20250101T000000Z-aaaaaaaa/..',
    '20250101T000000Z-AAAAAAAA',
    `${id}\n`,
  ]) {
    t.equal(await catalogue.get(bad), undefined, bad);
    await t.rejects(catalogue.open(bad), NoSuchBackupError);
    await t.rejects(catalogue.remove(bad), NoSuchBackupError);
  }
  await t.rejects(backUp(pool, catalogue, { id }), { message: `there is a backup ${id} already` });
  t.match(await catalogue.get(id), { state: 'complete' }, 'which stays');
  await catalogue.remove(id);
  t.equal(await catalogue.get(id), undefined);
  t.notOk((await readdir(catalogue.directory)).some((name) => name.startsWith(id)));
  await t.rejects(catalogue.remove(id), NoSuchBackupError);
});

t.test('pruning keeps the newest, the newest verified, and always one', async (t) => {
  const catalogue = await newCatalogue(t);
  const ids = [1, 2, 3, 4, 5].map((day) => `2025010${day}T000000Z-00000000`);
  const [first = '', second = '', third = '', fourth = '', fifth = ''] = ids;
  for (const id of ids) await backUp(pool, catalogue, { id });
  await catalogue.setVerified(second, '2025-02-01T00:00:00.000000Z');
  await writeFile(join(catalogue.directory, `${fourth}.json`), 'damaged');
  t.strictSame((await catalogue.prune(2, Date.now())).sort(), [first]);
  t.strictSame((await catalogue.prune(1, Date.now())).sort(), [third]);
  t.strictSame(await catalogue.prune(0, Date.now()), []);
  t.match(await catalogue.list(), [{ id: fifth }, { id: fourth, state: 'failed' }, { id: second }]);
});

t.test(
  'backups of a clock that was ahead make room for those that are made after it was put right',
  async (t) => {
    const catalogue = await newCatalogue(t);
    const nowMs = Date.parse('2025-01-02T00:00:00Z');
    const dated = (day: string): string => `${day}T000000Z-00000000`;
    const [ahead, farAhead] = [dated('20250103'), dated('20350101')];
    const [before, now] = [dated('20250101'), dated('20250102')];
    for (const id of [ahead, farAhead, before, now]) await backUp(pool, catalogue, { id });
    t.strictSame((await catalogue.prune(3, nowMs)).sort(), [ahead]);
    t.strictSame((await catalogue.prune(2, nowMs)).sort(), [farAhead]);
    t.strictSame((await catalogue.prune(1, nowMs)).sort(), [before]);
    t.match(await catalogue.list(), [{ id: now }]);
  },
);

t.test('a verified backup says when, and the scratch database is gone', async (t) => {
  const catalogue = await newCatalogue(t);
  const { id, rows } = await backUp(pool, catalogue);
  const now = (): number => Date.parse('2026-01-02T00:00:00Z');
  t.strictSame(await verifyBackup({ catalogue, id, scratch, signal: never, now }), {
    ok: true,
    problems: [],
    rows,
  });
  t.match(await catalogue.get(id), { verified_at: '2026-01-02T00:00:00.000000Z' });
  t.strictSame(await databases(), []);
  await t.rejects(verify(catalogue, '20250101T000000Z-00000000'), NoSuchBackupError);
});

t.test('one flipped bit anywhere in the file is found', async (t) => {
  const catalogue = await newCatalogue(t);
  const { id } = await backUp(pool, catalogue);
  const file = catalogue.fileOf(id);
  const good = await readFile(file);
  const somewhere = fc.record({ at: fc.nat({ max: good.length - 1 }), bit: fc.nat({ max: 7 }) });
  await fc.assert(
    fc.asyncProperty(somewhere, async ({ at, bit }) => {
      const bad = Buffer.from(good);
      bad.writeUInt8(bad.readUInt8(at) ^ (1 << bit), at);
      await writeFile(file, bad);
      const { ok, problems } = await verify(catalogue, id);
      return !ok && problems.some((problem) => problem.startsWith('the file has the SHA-256 '));
    }),
    { numRuns },
  );
  t.match(await catalogue.get(id), { verified_at: null });
  await writeFile(file, good);
  t.match(await verify(catalogue, id), { ok: true, problems: [] });
});

t.test('a backup that is cut, emptied, prolonged or gone is found', async (t) => {
  const catalogue = await newCatalogue(t);
  const { id, bytes } = await backUp(pool, catalogue);
  const file = catalogue.fileOf(id);
  const good = await readFile(file);
  for (const length of [0, 1, 10, bytes >> 1, bytes - 30, bytes - 8, bytes - 1]) {
    await writeFile(file, good.subarray(0, length));
    t.strictSame(await verify(catalogue, id), {
      ok: false,
      problems: [`its file has ${length} bytes, the manifest says ${bytes}`],
      rows: null,
    });
    await t.rejects(catalogue.open(id), BackupFileError);
  }
  await writeFile(file, Buffer.concat([good, Buffer.from('x')]));
  t.match(await verify(catalogue, id), { ok: false });
  await rename(file, `${file}.moved`);
  t.match(await verify(catalogue, id), { ok: false, problems: ['its file is missing'] });
});

t.test('files or manifests that changed places are found, and it says whose they are', async (t) => {
  const catalogue = await newCatalogue(t);
  const one = await backUp(pool, catalogue, { id: '20250101T000000Z-00000001' });
  const two = await backUp(pool, catalogue, { id: '20250101T000000Z-00000002' });
  async function swap(kind: 'json' | 'sql.gz'): Promise<void> {
    const [a, b] = [one.id, two.id].map((id) => join(catalogue.directory, `${id}.${kind}`));
    await rename(a ?? '', `${a ?? ''}.x`);
    await rename(b ?? '', a ?? '');
    await rename(`${a ?? ''}.x`, b ?? '');
  }
  await swap('sql.gz');
  for (const [id, other] of [
    [one.id, two.id],
    [two.id, one.id],
  ] as const) {
    const { ok, problems } = await verify(catalogue, id);
    t.notOk(ok);
    // Two files of one size are told apart by their hash and by what they say; of two sizes by the size.
    const says = `the file says that it is the backup ${other}, not ${id}`;
    t.ok(
      problems.includes(says) || problems.some((problem) => problem.startsWith('its file has ')),
      problems.join(),
    );
  }
  await swap('json');
  t.match(await verify(catalogue, one.id), { ok: false, problems: [`its manifest is that of ${two.id}`] });
  t.match(await verify(catalogue, two.id), { ok: false, problems: [`its manifest is that of ${one.id}`] });
});

t.test('an edited manifest is found, also when its checksum was put right', async (t) => {
  const { sealed } = await import('../../src/upkeep/backup/manifest.js');
  const catalogue = await newCatalogue(t);
  const good = await backUp(pool, catalogue);
  const path = join(catalogue.directory, `${good.id}.json`);
  const zeros = '0'.repeat(64);
  const edits: readonly [Partial<Manifest>, RegExp][] = [
    [{ rows: { ...good.rows, calls: 1 } }, /^table calls has \d+ rows, the manifest says 1$/],
    [{ contents: { ...good.contents, clicks: zeros } }, /^table clicks has other contents/],
    [
      { rows: { ...good.rows, more: 0 }, contents: { ...good.contents, more: zeros } },
      /^table more is missing$/,
    ],
    [{ sha256: zeros }, /^the file has the SHA-256 [0-9a-f]{64}, the manifest says 0{64}$/],
    [{ bytes: good.bytes + 1 }, /^its file has \d+ bytes/],
    [
      { migration: { ...good.migration, tag: '0000_initial' } },
      new RegExp(`^the file is of the schema ${newest}`),
    ],
  ];
  for (const [edit, problem] of edits) {
    await writeFile(path, JSON.stringify({ ...good, ...edit }));
    t.match(await verify(catalogue, good.id), { ok: false, problems: [/its checksum is another/] });
    await writeFile(path, JSON.stringify(sealed({ ...good, ...edit })));
    t.match(await verify(catalogue, good.id), { ok: false, problems: [problem] });
  }
  for (const text of ['', '{', 'null', '{}', JSON.stringify({ ...good, format: 2 })]) {
    await writeFile(path, text);
    t.match(await verify(catalogue, good.id), { ok: false, problems: [/^the manifest is damaged/] });
  }
  t.strictSame(await databases(), []);
});

t.test(
  'without a place to restore into, verification says what is missing instead of an opinion',
  async (t) => {
    const catalogue = await newCatalogue(t);
    const { id } = await backUp(pool, catalogue);
    await t.test('a role that may not create databases', async (t) => {
      const { rows } = await pool.query<{ may: boolean }>(
        'select rolcreaterole or rolsuper as may from pg_roles where rolname = current_user',
      );
      if (rows[0]?.may !== true) {
        t.comment('the role of the test server may not create roles: tested with TEST_DATABASE_URL only');
        return;
      }
      const role = `${db.name}_poor`;
      await pool.query(`create role ${role} login`);
      t.teardown(() => pool.query(`drop role ${role}`));
      const url = new URL(db.url);
      url.username = role;
      const beside = {
        kind: 'beside',
        pool: testPool(t, url.href),
        target: { connectionString: url.href },
      } as const;
      const poorly = verifyBackup({ catalogue, id, scratch: beside, signal: never });
      await t.rejects(poorly, CannotVerifyError);
      await t.rejects(poorly, { message: /set VERIFY_DATABASE_URL to an empty database/ });
    });

    const given = await createDatabase(t);
    const givenPool = testPool(t, given.url);
    const there = { kind: 'given', target: { connectionString: given.url } } as const;
    await givenPool.end();
    t.match(await verifyBackup({ catalogue, id, scratch: there, signal: never }), { ok: true });
    const { rows } = await testPool(t, given.url).query(`select from pg_class where relname = 'calls'`);
    t.strictSame(rows, [], 'it is left as it was');
    const service = new Attachment(testPool(t, given.url));
    await service.check();
    await t.rejects(verifyBackup({ catalogue, id, scratch: there, signal: never }), {
      message: /VERIFY_DATABASE_URL: a service is attached/,
    });
    service.end();

    const ours = verifyBackup({ catalogue, id, scratch: { kind: 'given', target }, signal: never });
    await t.rejects(ours, CannotVerifyError, 'the store itself is never the scratch');
    await t.rejects(ours, {
      message: /VERIFY_DATABASE_URL has to name an empty database, but there is public\.call_states/,
    });
    const away = { connectionString: 'postgres://127.0.0.1:1/nowhere' };
    const unreachable = verifyBackup({
      ...{ catalogue, id, signal: never },
      scratch: { kind: 'given', target: away },
    });
    await t.rejects(unreachable, CannotVerifyError, 'not as if the store were away');
    await t.rejects(unreachable, { message: /^VERIFY_DATABASE_URL cannot be reached: .*ECONNREFUSED/ });
  },
);

t.test('an aborted verification drops its scratch; of a killed one the next drops it', async (t) => {
  const source = await createMigratedDatabase(t);
  const sourcePool = testPool(t, source.url);
  await fillWithNoise(sourcePool, 16);
  const catalogue = await newCatalogue(t);
  const { id } = await backUp(sourcePool, catalogue);
  const beside = { kind: 'beside', pool: sourcePool, target: { connectionString: source.url } } as const;
  const scratches = async (): Promise<number> => {
    const { rowCount } = await sourcePool.query(
      `select from pg_database where datname like 'call_logger_verify_' || (
         select oid from pg_database where datname = current_database()) || '%'`,
    );
    return rowCount ?? 0;
  };
  const stop = new AbortController();
  const reason = new Error('the service stops');
  const onProgress = (): void => {
    stop.abort(reason);
  };
  await t.rejects(verifyBackup({ catalogue, id, scratch: beside, signal: stop.signal, onProgress }), reason);
  t.equal(await scratches(), 0);

  await killInTheMiddle(['verify-stuck', source.url, catalogue.directory, id]);
  t.equal(await scratches(), 1);
  // PostgreSQL hears of it a little later.
  await until(async () => {
    const { rowCount } = await sourcePool.query(
      `select from pg_database d where datname = current_database() and
         (exists (select from pg_locks l where l.locktype = 'advisory' and l.database = d.oid) or
          exists (select from pg_stat_activity a where a.datname like 'call_logger_verify_' || d.oid || '%'))`,
    );
    return rowCount === 0;
  });
  t.match(await catalogue.get(id), { verified_at: null });
  t.match(await verifyBackup({ catalogue, id, scratch: beside, signal: never }), { ok: true });
  t.equal(await scratches(), 0);
});

t.test('another database of the server is found by its name, however the address is written', async (t) => {
  const other = (connectionString: string): string =>
    withDatabase({ connectionString }, 'other').connectionString ?? '';
  t.equal(
    other('postgres://u:p%40@h:5432/db?sslmode=require'),
    'postgres://u:p%40@h:5432/other?sslmode=require',
  );
  t.equal(other('postgres://u@/db?host=/run/x'), 'postgres://u@/other?host=/run/x');
  t.equal(other('postgres:///db?host=/run/x'), 'postgres:///other?host=/run/x');
  t.equal(other('postgres://h'), 'postgres://h/other');
  t.strictSame(withDatabase({ host: '/run/x', port: 1, user: 'u', database: 'db' }, 'other'), {
    host: '/run/x',
    port: 1,
    user: 'u',
    database: 'other',
  });
});
