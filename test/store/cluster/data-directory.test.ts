import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import {
  completeLinks,
  copyInstallation,
  findInstallation,
} from '../../../src/store/cluster/installation.js';
import { createPool } from '../../../src/store/database.js';
import { postgresProcessesIn } from '../../../src/store/cluster/processes.js';
import {
  announcement,
  isRoot,
  needsReadableCheckout,
  needsRoot,
  nobody,
  postmasterPid,
  query,
  spawnService,
  temporaryDirectory,
  testCluster,
  until,
} from './support.js';
import { query as queryOnce } from '../../../src/store/transaction.js';

const needsReadable = await needsReadableCheckout();
const directory = await temporaryDirectory(t);

await t.test(
  'a path too long for a socket gets a short private directory for it, removed at stop',
  async (t) => {
    const dataDir = path.join(directory, 'with a space, a comma', 'x'.repeat(120), 'postgres');
    const cluster = testCluster(t, { dataDir });
    const { connection } = await cluster.start();
    t.ok(connection.host.startsWith(os.tmpdir()), connection.host);
    t.equal((await fs.stat(connection.host)).mode & 0o777, 0o700);
    t.strictSame(await query(connection, 'SELECT 1'), [1]);
    await cluster.stop();
    await t.rejects(fs.stat(connection.host));

    await t.test('and is refused when somebody else made it first', async (t) => {
      await fs.mkdir(connection.host, { mode: 0o777 });
      t.teardown(() => fs.rm(connection.host, { recursive: true, force: true }));
      await fs.chmod(connection.host, 0o777);
      if (isRoot) await t.rejects(cluster.start(), /belongs to somebody else/);
      const { uid, gid } = await fs.stat(dataDir);
      await fs.chown(connection.host, uid, gid);
      await t.rejects(cluster.start(), /others may enter it/);
    });
  },
);

await t.test('a directory with other files is not touched', async (t) => {
  const dataDir = path.join(directory, 'taken');
  await fs.mkdir(dataDir);
  await fs.writeFile(path.join(dataDir, 'thesis.txt'), 'mine');
  await t.rejects(testCluster(t, { dataDir }).start(), /holds files, but no PostgreSQL cluster/);
  t.strictSame(await fs.readdir(dataDir), ['thesis.txt']);
  t.strictSame(
    await fs.readdir(directory).then((names) => names.filter((name) => name.startsWith('taken'))),
    ['taken'],
  );
});

await t.test('started by root, PostgreSQL does not run as root', { skip: needsRoot }, async (t) => {
  const dataDir = path.join(directory, 'as-root');
  const first = testCluster(t, { dataDir });
  await first.start();
  t.not((await fs.stat(`/proc/${await postmasterPid(dataDir)}`)).uid, 0);
  await first.stop();

  await t.test('and a link of its account in the way of a file of ours is not followed', async (t) => {
    const cluster = testCluster(t, { dataDir });
    const secret = path.join(directory, 'secret');
    await fs.writeFile(secret, 'untouched', { mode: 0o600 });
    await fs.symlink(secret, path.join(dataDir, 'pg_hba.conf.new'));
    await cluster.start();
    t.equal(await fs.readFile(secret, 'utf8'), 'untouched');
    t.strictSame((await fs.stat(secret)).uid, 0);
    t.equal((await fs.lstat(path.join(dataDir, 'pg_hba.conf'))).mode, 0o100600);
  });
});

await t.test('a normal user runs it as that user', { skip: needsReadable }, async (t) => {
  const home = path.join(directory, 'home');
  await fs.mkdir(home);
  await fs.chown(home, nobody.uid, nobody.gid);
  const dataDir = path.join(home, 'data', 'postgres');
  const service = spawnService(t, dataDir, nobody);
  const { connection, uid } = await announcement(service);
  t.equal(uid, nobody.uid);
  t.equal((await fs.stat(`/proc/${await postmasterPid(dataDir)}`)).uid, nobody.uid);
  t.strictSame(await query(connection, 'SELECT 1'), [1]);
  service.kill('SIGTERM');
  await until(() => service.exitCode !== null);
  t.equal(service.exitCode, 0);
  t.strictSame(postgresProcessesIn(dataDir), []);

  await t.test('and root goes on with it as that user', async (t) => {
    await testCluster(t, { dataDir }).start();
    t.equal((await fs.stat(`/proc/${await postmasterPid(dataDir)}`)).uid, nobody.uid);
  });
});

await t.test(
  'below a directory only root may enter, the cluster goes elsewhere and a note says so',
  { skip: needsRoot },
  async (t) => {
    const parent = path.join(directory, 'root-only');
    await fs.mkdir(parent, { mode: 0o700 });
    const dataDir = path.join(parent, 'data', 'postgres');
    const fallbackDirectory = path.join(directory, 'fallback');
    const cluster = testCluster(t, { dataDir, fallbackDirectory });
    const { connection, directory: real, notes } = await cluster.start();
    t.equal(
      real,
      path.join(
        fallbackDirectory,
        createHash('sha256').update(dataDir).digest('hex').slice(0, 12),
        'postgres',
      ),
    );
    t.ok(notes.some((note) => note.includes(real)));
    await query(connection, 'CREATE TABLE kept ()');
    await cluster.stop();

    await t.test('where it stays, also when the directory can be entered later', async (t) => {
      await fs.chmod(parent, 0o755);
      const again = await cluster.start();
      t.equal(again.directory, real);
      t.strictSame(await query(again.connection, `SELECT to_regclass('kept')`), ['kept']);
      await cluster.stop();
    });
  },
);

await t.test(
  'a cluster that cannot be reached any more is an error, never an empty one',
  { skip: needsRoot },
  async (t) => {
    const parent = path.join(directory, 'closed-later');
    const dataDir = path.join(parent, 'postgres');
    const cluster = testCluster(t, { dataDir, fallbackDirectory: path.join(directory, 'fallback') });
    await cluster.start();
    await cluster.stop();
    await fs.chmod(parent, 0o700);
    await t.rejects(cluster.start(), /cannot reach the cluster/);
  },
);

await t.test('the programs can be copied to where every user can run them', async (t) => {
  const target = path.join(directory, 'programs');
  const copy = await copyInstallation(await findInstallation(), target);
  const options = isRoot ? nobody : {};
  const { stdout } = await promisify(execFile)(copy.postgres, ['--version'], {
    ...options,
    cwd: '/',
    env: {},
  });
  t.match(stdout, /^postgres \(PostgreSQL\) 18/);
  t.strictSame(await copyInstallation(await findInstallation(), target), copy, 'and only once');
});

await t.test('links that a package lacks are made, or the error says how to make them', async (t) => {
  const root = path.join(directory, 'package');
  await fs.mkdir(path.join(root, 'native', 'lib'), { recursive: true });
  await fs.writeFile(path.join(root, 'native', 'lib', 'libx.so.1.2'), 'x');
  const write = (target: string) =>
    fs.writeFile(
      path.join(root, 'native', 'pg-symlinks.json'),
      JSON.stringify([{ source: 'native/lib/libx.so.1.2', target }]),
    );
  await write('native/lib/libx.so.1');
  await completeLinks(root, 'x');
  await completeLinks(root, 'x');
  t.equal(await fs.readlink(path.join(root, 'native', 'lib', 'libx.so.1')), 'libx.so.1.2');
  await write('native/missing/libx.so.1');
  await t.rejects(completeLinks(root, 'x'), /npm rebuild x/);
});

await t.test('over TCP there is only the analyst, who reads everything and writes nothing', async (t) => {
  const dataDir = path.join(directory, 'open', 'postgres');
  const port = 20_000 + (process.pid % 10_000);
  const cluster = testCluster(t, { dataDir, port });
  const { connection, notes } = await cluster.start();
  await query(connection, 'CREATE TABLE later AS SELECT 7 AS value');
  await query(connection, 'CREATE SCHEMA extra');
  await query(connection, 'CREATE TABLE extra.too AS SELECT 8 AS value');

  const file = path.join(directory, 'open', 'analyst.password');
  t.match(notes.join(), file);
  t.equal((await fs.stat(file)).mode & 0o777, 0o600);
  const password = (await fs.readFile(file, 'utf8')).trim();
  const analyst = { host: '127.0.0.1', port, user: 'analyst', database: 'call_logger', password };
  t.strictSame(await query(analyst, 'SELECT value FROM later'), [7]);
  t.strictSame(await query(analyst, 'SELECT value FROM extra.too'), [8]);
  t.strictSame(await query(analyst, 'SHOW default_transaction_read_only'), ['on']);
  const pool = createPool(analyst, { name: 'test', max: 1, statementTimeoutMs: 0 }, () => undefined);
  const { rows } = await queryOnce(
    pool,
    `SELECT string_agg(setting, ' ' ORDER BY name) AS count_idle_interval FROM pg_settings
     WHERE name IN ('tcp_keepalives_count', 'tcp_keepalives_idle', 'tcp_keepalives_interval')`,
  );
  t.strictSame(
    rows,
    [{ count_idle_interval: '3 30 10' }],
    'who is gone without a word is noticed in a minute',
  );
  await pool.end();

  for (const statement of [
    'INSERT INTO later VALUES (1)',
    'DELETE FROM later',
    'CREATE TABLE mine ()',
    'CREATE TEMPORARY TABLE mine ()',
    'SELECT lo_create(0)',
    `SELECT lo_from_bytea(0, '')`,
    'SET ROLE call_logger',
    'SELECT rolpassword FROM pg_authid',
  ]) {
    await t.rejects(query(analyst, `BEGIN READ WRITE; ${statement}`), { code: '42501' }, statement);
  }
  await t.rejects(query({ ...analyst, password: 'wrong' }, 'SELECT 1'), { code: '28P01' });
  await query(connection, `ALTER ROLE call_logger PASSWORD 'known'`);
  for (const user of ['call_logger', 'postgres']) {
    await t.rejects(query({ ...analyst, user, password: 'known' }, 'SELECT 1'), { code: '28000' }, user);
  }
  await t.rejects(query({ ...analyst, database: 'postgres' }, 'SELECT 1'), { code: '28000' });

  await t.test('a port that is taken is named in the error', async (t) => {
    const other = testCluster(t, { dataDir: path.join(directory, 'other', 'postgres'), port });
    await t.rejects(other.start(), new RegExp(`EMBEDDED_PORT ${port} is taken`));
    t.equal(other.state, 'stopped');
  });

  await cluster.stop();
  const again = testCluster(t, { dataDir, port });
  await again.start();
  t.strictSame(await query(analyst, 'SELECT value FROM later'), [7], 'the password stays');
});
