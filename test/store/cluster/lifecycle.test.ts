import { spawn, execFile } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import pg from 'pg';
import t from 'tap';
import { DirectoryInUseError } from '../../../src/lib/directory-lock.js';
import { ClusterInUseError, ClusterStoppedError } from '../../../src/store/cluster/errors.js';
import { defaultFallback, resolveDataDirectory } from '../../../src/store/cluster/data-directory.js';
import { installationFor } from '../../../src/store/cluster/installation.js';
import { isAlive, isPostgresIn, postgresProcessesIn } from '../../../src/store/cluster/processes.js';
import { findRunningCluster } from '../../../src/store/cluster/running.js';
import { runAs } from '../../../src/store/cluster/programs.js';
import { ServerLog } from '../../../src/store/cluster/server-log.js';
import type { Restart } from '../../../src/store/cluster/supervise.js';
import {
  announcement,
  kill,
  postmasterPid,
  query,
  spawnService,
  temporaryDirectory,
  testCluster,
  until,
} from './support.js';
import { fileOf, loader } from '../../helpers/program.js';

const directory = await temporaryDirectory(t);
const dataDir = path.join(directory, 'postgres');

/** The programs and the account of the cluster, to do by hand what nobody should. */
async function byHand() {
  const { account } = await resolveDataDirectory(dataDir, defaultFallback);
  return { account, ...(await installationFor(account, defaultFallback)) };
}

await t.test(
  'what was written is there after stop and start, and stop leaves no process and no claim',
  async (t) => {
    const errors: string[] = [];
    const cluster = testCluster(t, { dataDir, onError: (message) => errors.push(message) });
    const [{ connection }, again] = await Promise.all([cluster.start(), cluster.start()]);
    t.equal(again.connection, connection, 'a second start is the same start');
    t.equal(cluster.state, 'running');
    await query(connection, 'CREATE TABLE kept (value int)');
    await query(connection, 'INSERT INTO kept VALUES (1)');
    await Promise.all([cluster.stop(), cluster.stop()]);
    t.equal(cluster.state, 'stopped');
    t.strictSame(postgresProcessesIn(dataDir), []);
    t.strictSame(await fs.readdir(directory), ['postgres']);
    await cluster.stop();
    const restarted = await cluster.start();
    t.strictSame(await query(restarted.connection, 'SELECT value FROM kept'), [1]);
    t.strictSame(errors, [], 'all of which is quite normal');
  },
);

await t.test('commands beside a running service find its cluster, and none when none runs', async (t) => {
  const own = path.join(await temporaryDirectory(t), 'data');
  t.equal(await findRunningCluster(path.join(own, 'postgres')), undefined, 'without any directory');
  const cluster = testCluster(t, { dataDir: path.join(own, 'postgres') });
  await fs.mkdir(own);
  await fs.chmod(own, 0o755);
  const { connection } = await cluster.start();
  const found = await findRunningCluster(path.join(own, 'postgres'));
  t.strictSame(found, connection);
  t.strictSame(await query(connection, 'SELECT 1'), [1]);
  await cluster.stop();
  t.equal(await findRunningCluster(path.join(own, 'postgres')), undefined, 'after it has stopped');
});

await t.test('the service owns its database, may create others, and is no superuser', async (t) => {
  const { connection } = await testCluster(t, { dataDir }).start();
  await query(connection, 'CREATE SCHEMA own');
  await query(connection, 'CREATE DATABASE scratch');
  t.strictSame(await query(connection, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user'), [
    false,
  ]);
  const settings = await query(
    connection,
    `SELECT current_setting('data_checksums') AS sums, current_setting('synchronous_commit'), pg_encoding_to_char(encoding),
       datlocprovider, datlocale FROM pg_database WHERE datname = current_database()`,
  );
  t.strictSame(settings, ['on', 'on', 'UTF8', 'b', 'C.UTF-8']);
});

await t.test('the write-ahead log is kept small while the disk is nearly full, and only then', async (t) => {
  const GIB = 2 ** 30;
  let free = 1.5 * GIB;
  const options = { dataDir, freeBytes: async () => free, lookEveryMs: 1 };
  const cluster = testCluster(t, options);
  const { connection } = await cluster.start();
  const becomes = (limit: string): Promise<void> =>
    until(async () => (await query(connection, 'SHOW max_wal_size'))[0] === limit);
  await becomes('64MB');
  free = 3 * GIB;
  await becomes('1GB');
  free = 0.9 * GIB;
  await becomes('64MB');
  await cluster.stop();
  free = 3 * GIB;
  await testCluster(t, options).start();
  await becomes('1GB');
});

await t.test('a killed PostgreSQL comes back with all rows, and says so', async (t) => {
  let report: (restart: Restart) => void = () => undefined;
  const cluster = testCluster(t, {
    dataDir,
    onRestart: (restart) => {
      report(restart);
    },
  });
  const { connection } = await cluster.start();
  for (const value of [2, 3]) {
    const restarted = new Promise<Restart>((resolve) => (report = resolve));
    await query(connection, `INSERT INTO kept VALUES (${value})`);
    process.kill(await postmasterPid(dataDir), 'SIGKILL');
    t.match(await restarted, { reason: 'SIGKILL', downMs: Number });
  }
  t.equal(cluster.state, 'running');
  t.strictSame(await query(connection, 'SELECT value FROM kept ORDER BY 1'), [1, 2, 3]);
});

await t.test('stopped while it restarts, it stays stopped', async (t) => {
  const cluster = testCluster(t, { dataDir });
  await cluster.start();
  process.kill(await postmasterPid(dataDir), 'SIGKILL');
  await until(() => cluster.state === 'restarting');
  await cluster.stop();
  t.equal(cluster.state, 'stopped');
  t.strictSame(postgresProcessesIn(dataDir), []);
});

await t.test('starts and stops in quick succession happen in their order', async (t) => {
  const cluster = testCluster(t, { dataDir });
  const first = cluster.start();
  const stopped = cluster.stop();
  const second = cluster.start();
  await t.rejects(first, ClusterStoppedError);
  await stopped;
  const { connection } = await second;
  t.strictSame(await query(connection, 'SELECT 1'), [1]);
  t.equal(cluster.state, 'running');
});

await t.test('a session that cannot end does not hold up the stop for ever', async (t) => {
  const cluster = testCluster(t, { dataDir, stopDeadlineMs: 10 });
  const { connection } = await cluster.start();
  const client = new pg.Client(connection);
  client.on('error', () => undefined);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  process.kill(rows[0]?.pid ?? 0, 'SIGSTOP');
  await cluster.stop();
  t.strictSame(postgresProcessesIn(dataDir), []);
});

await t.test('a second service on the same directory is refused, in this process or another', async (t) => {
  const cluster = testCluster(t, { dataDir });
  const { connection } = await cluster.start();
  await t.rejects(testCluster(t, { dataDir }).start(), DirectoryInUseError);
  t.strictSame(await query(connection, 'SELECT 1'), [1], 'the first is not disturbed');
  await cluster.stop();

  const service = spawnService(t, dataDir);
  const other = await announcement(service);
  await t.rejects(cluster.start(), new DirectoryInUseError(directory));
  t.strictSame(await query(other.connection, 'SELECT 1'), [1]);

  await t.test(
    'after the other was killed, alone or with its PostgreSQL, the next start works',
    async (t) => {
      await query(other.connection, 'INSERT INTO kept VALUES (4)');
      await kill(service);
      const { connection } = await cluster.start();
      t.strictSame(await query(connection, 'SELECT max(value) FROM kept'), [4]);
      await cluster.stop();

      const another = spawnService(t, dataDir);
      await query((await announcement(another)).connection, 'INSERT INTO kept VALUES (5)');
      const pid = await postmasterPid(dataDir);
      const gone = kill(another);
      process.kill(pid, 'SIGKILL');
      await gone;
      await cluster.start();
      t.strictSame(await query(connection, 'SELECT max(value) FROM kept'), [5]);
      await cluster.stop();
      t.strictSame(postgresProcessesIn(dataDir), []);
    },
  );
});

await t.test('an orphaned PostgreSQL is stopped and replaced', async (t) => {
  const { installation, account } = await byHand();
  const options = { ...runAs(account), cwd: '/' };
  const settings = `-c fsync=off -c listen_addresses= -c unix_socket_directories=${dataDir}`;
  const start = ['start', '-w', '-D', dataDir, '-o', settings, '-l', '/dev/null'];
  await promisify(execFile)(path.join(installation.directory, 'bin', 'pg_ctl'), start, options);
  const orphan = await postmasterPid(dataDir);
  const { connection } = await testCluster(t, { dataDir }).start();
  t.notOk(isPostgresIn(orphan, dataDir));
  t.strictSame(await query(connection, 'SELECT max(value) FROM kept'), [5]);
});

await t.test('a PostgreSQL that somebody else runs is left alone', async (t) => {
  const { installation, account } = await byHand();
  const args = [
    '-D',
    dataDir,
    '-c',
    'fsync=off',
    '-c',
    'listen_addresses=',
    '-c',
    `unix_socket_directories=${dataDir}`,
  ];
  const theirs = spawn(installation.postgres, args, { ...runAs(account), cwd: '/', stdio: 'ignore' });
  const gone = new Promise((resolve) => theirs.once('exit', resolve));
  await until(() =>
    fs.access(path.join(dataDir, '.s.PGSQL.5432')).then(
      () => true,
      () => false,
    ),
  );
  await t.rejects(testCluster(t, { dataDir }).start(), ClusterInUseError);
  t.ok(isAlive(theirs.pid ?? 0));

  await t.test(
    'unless a killed service left its lock: then it is an orphan, whoever adopted it',
    async (t) => {
      const holder = fileOf(new URL('../../lib/directory-lock-holder', import.meta.url));
      const killed = spawn(process.execPath, [...loader, holder, directory], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(killed.stdout, 'data');
      await t.rejects(testCluster(t, { dataDir }).start(), DirectoryInUseError);
      await kill(killed);
      await testCluster(t, { dataDir }).start();
      await gone;
    },
  );
});

await t.test(
  'a lock file whose process id was given to another program does not stop the start',
  async (t) => {
    const unrelated = spawn('sleep', ['60'], { ...runAs((await byHand()).account), stdio: 'ignore' });
    t.teardown(() => unrelated.kill());
    await fs.writeFile(
      path.join(dataDir, 'postmaster.pid'),
      `${unrelated.pid ?? 0}\n${dataDir}\n0\n5432\n${dataDir}\n`,
    );
    await testCluster(t, { dataDir }).start();
    t.ok(isAlive(unrelated.pid ?? 0));
  },
);

await t.test('killed while it makes the cluster, the service leaves nothing half-made', async (t) => {
  const parent = await temporaryDirectory(t);
  const fresh = path.join(parent, 'postgres');
  const service = spawnService(t, fresh);
  const drafts = async () => (await fs.readdir(parent)).filter((name) => name.startsWith('postgres.init-'));
  await until(async () => service.exitCode !== null || (await drafts()).length > 0);
  await kill(service);
  t.notOk((await fs.readdir(parent)).includes('postgres'));
  t.equal((await drafts()).length, 1, 'it was killed in time');
  const cluster = testCluster(t, { dataDir: fresh });
  const { connection } = await cluster.start();
  t.strictSame(await query(connection, 'SELECT 1'), [1]);
  t.strictSame(await drafts(), []);
});

await t.test('stopped while it makes the cluster, it leaves nothing', async (t) => {
  const parent = await temporaryDirectory(t);
  const cluster = testCluster(t, { dataDir: path.join(parent, 'postgres') });
  const started = cluster.start();
  await until(async () => (await fs.readdir(parent)).some((name) => name.startsWith('postgres.init-')));
  const refused = t.rejects(started, ClusterStoppedError);
  await cluster.stop();
  t.strictSame(await fs.readdir(parent), []);
  await refused;
});

await t.test('what PostgreSQL writes is passed on by severity, and only so much in a minute', async (t) => {
  const lines: string[] = [];
  const take = (level: string) => (_: object, message: string) => {
    lines.push(`${level} ${message}`);
  };
  const stderr = new PassThrough();
  const serverLog = new ServerLog(stderr, { info: take('info'), warn: take('warn'), error: take('error') });
  stderr.end(
    `LOG:  a\nFATAL:  b\nPANIC:  c\n\tmore\n${'x'.repeat(5_000)}\n${'LOG:  y\n'.repeat(1_000)}LOG:  last\n`,
  );
  await until(() => serverLog.tail.endsWith('last'));
  t.strictSame(lines.slice(0, 4), ['info LOG:  a', 'warn FATAL:  b', 'error PANIC:  c', 'error \tmore']);
  t.equal(lines[4]?.length, 'error '.length + 1_000);
  t.equal(lines.length, 200);
});
