import { spawn } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { listRuns } from '../../src/upkeep/runs.js';
import { drainPool, IN_TIME_MS, openHouse, until } from '../helpers/drain.js';
import { callOf, clickOf, RECEIVED_AT, recordsOf } from '../helpers/events.js';
import { createDatabase, createMigratedDatabase } from '../helpers/postgres.js';
import { programOf } from '../helpers/program.js';
import { startService, temporaryDirectory } from '../helpers/service.js';

t.setTimeout(240_000);

type Command = 'migrate' | 'backup' | 'verify' | 'restore' | 'cleanup';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(command: Command, args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [...programOf(`cli/${command}`), ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const code = new Promise<number | null>((done) => child.on('close', done));
  const end = Promise.all([code, text(child.stdout), text(child.stderr)]).then(
    ([code, stdout, stderr]): Ended => ({ code, stdout, stderr }),
  );
  return { child, end };
}

function run(
  command: Command,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  return start(command, args, env).end;
}

t.test('each command says what it does, and refuses what it does not know', async (t) => {
  const env = { DATA_DIR: join(await temporaryDirectory(t), 'none') };
  for (const command of ['migrate', 'backup', 'verify', 'restore', 'cleanup'] as const) {
    const help = await run(command, ['--help'], env);
    t.equal(help.code, 0, command);
    t.match(help.stdout, `npm run ${command}`);
    t.match(help.stdout, 'Exit code');
  }
  const cases: [Command, string[], RegExp][] = [
    ['cleanup', [], /DATA_DIR=.* is not there/],
    ['cleanup', ['--days-to-keep', '0'], /from 1 to 36500, not "0"/],
    ['verify', [], /there are no backups/],
    ['migrate', ['--wrong'], /--help tells more/],
    ['verify', ['../../etc/passwd'], /there is no backup/],
    ['restore', [], /name the file/],
    ['restore', ['/nowhere/at/all.sql.gz'], /there is no file, and no backup in DATA_DIR\/backups/],
  ];
  for (const [command, args, reason] of cases) {
    const { code, stderr } = await run(command, args, env);
    t.equal(code, 2, `${command} ${args.join(' ')}`);
    t.match(stderr, reason);
  }
  const into = await run('restore', [import.meta.filename, '--into', 'mysql://u:hush@h/d'], env);
  t.equal(into.code, 2);
  t.match(into.stderr, /postgres:\/\//);
  t.notMatch(into.stderr, 'hush');
});

t.test('from an empty database to a restored one, each step by its command', async (t) => {
  const database = await createDatabase(t);
  const dataDir = await temporaryDirectory(t);
  const env = { DATA_DIR: dataDir, DATABASE_URL: database.url, RETENTION_DAYS: '0' };
  t.equal((await run('migrate', [], env)).code, 0);
  t.equal((await run('migrate', [], env)).code, 0, 'and again');
  const house = await openHouse(t, database.url);
  const events = [callOf('a'), callOf('b', { sent_at: '2025-10-01T00:00:00Z' }), clickOf('a', 'k')];
  await house.spool.append(recordsOf(events));
  await house.drain.flush(IN_TIME_MS);
  await house.close();

  const made = await run('backup', [], env);
  t.equal(made.code, 0, made.stderr);
  t.match(made.stdout, /rows {5}2 calls, 1 clicks, 0 results/);
  const id = /^backup {3}(\S+)$/m.exec(made.stdout)?.[1] ?? '';
  const file = join(dataDir, 'backups', `${id}.sql.gz`);
  const verified = await run('verify', [], env);
  t.equal(verified.code, 0, verified.stderr);
  t.match(verified.stdout, `backup   ${id}`);

  const target = await createDatabase(t);
  const restored = await run('restore', [file, '--into', target.url], env);
  t.equal(restored.code, 0, restored.stderr);
  t.match(restored.stdout, /compared every table with the manifest/);
  // Not one that looks like a service.
  const pool = target.pool();
  const counts = async () => {
    const sql = 'select call_id, clicks, received_at from arbitrage_calls order by call_id';
    const { rows } = await pool.query<{ call_id: string; clicks: number; received_at: Date }>(sql);
    return rows;
  };
  t.strictSame(await counts(), [
    { call_id: 'a', clicks: 1, received_at: new Date(RECEIVED_AT) },
    { call_id: 'b', clicks: 0, received_at: new Date(RECEIVED_AT) },
  ]);
  t.match(await listRuns(pool, { limit: 2 }), [
    { task: 'restore', state: 'complete', detail: { id, rows: { calls: 2 }, compared: true, lost: null } },
    { task: 'backup', state: 'complete', detail: { backup_id: id }, finished_at: Date },
  ]);
  const occupied = await run('restore', [file, '--into', target.url], env);
  t.equal(occupied.code, 2);
  t.match(occupied.stderr, /not empty/);

  const into = { ...env, DATABASE_URL: target.url };
  const noDays = await run('cleanup', [], into);
  t.equal(noDays.code, 2);
  t.match(noDays.stderr, /--days-to-keep/);
  const dry = await run('cleanup', ['--days-to-keep', '1', '--dry-run'], into);
  t.match(dry.stdout, /to go {4}2 calls, 1 clicks, 0 results/);
  const cleaned = await run('cleanup', ['--days-to-keep', '1'], into);
  t.equal(cleaned.code, 0, cleaned.stderr);
  t.match(cleaned.stdout, /deleted {2}2 calls, 1 clicks, 0 results/);
  t.strictSame(await counts(), []);

  const replaced = await run('restore', [id, '--replace'], into);
  t.equal(replaced.code, 0, replaced.stderr);
  t.match(replaced.stdout, /lost {5}no calls/);
  t.match(replaced.stdout, /^replaced .*\.sql\.gz$/m);
  t.equal((await pool.query('select from calls')).rowCount, 2);
  t.equal((await readdir(join(dataDir, 'backups'))).filter((name) => name.endsWith('.json')).length, 2);
});

t.test('a backup that is not what was written: verify says no, restore refuses', async (t) => {
  const database = await createMigratedDatabase(t);
  const dataDir = await temporaryDirectory(t);
  const env = { DATA_DIR: dataDir, DATABASE_URL: database.url };
  const { stdout } = await run('backup', [], env);
  const id = /^backup {3}(\S+)$/m.exec(stdout)?.[1] ?? '';
  const file = join(dataDir, 'backups', `${id}.sql.gz`);
  await writeFile(file, 'not what it was', { flag: 'a' });
  const verified = await run('verify', [id], env);
  t.equal(verified.code, 1, verified.stderr);
  t.match(verified.stdout, /problem/);
  t.match(verified.stdout, /NOT good/);
  const restored = await run('restore', [file, '--into', (await createDatabase(t)).url], env);
  t.equal(restored.code, 2);
  await rm(file);
  t.equal((await run('verify', [id], env)).code, 1);
});

t.test('a signal ends a command cleanly', async (t) => {
  const database = await createMigratedDatabase(t);
  const dataDir = await temporaryDirectory(t);
  const blocker = await drainPool(t, database.url, 1).connect();
  await blocker.query('begin');
  await blocker.query('lock table calls in access exclusive mode');
  const { child, end } = start('backup', [], { DATA_DIR: dataDir, DATABASE_URL: database.url });
  const pool = drainPool(t, database.url);
  await until(async () => (await listRuns(pool, { limit: 1 })).length === 1);
  child.kill('SIGINT');
  const { code, stderr } = await end;
  await blocker.query('rollback');
  blocker.release();
  t.equal(code, 2);
  t.match(stderr, /stopped on request/);
  t.match(await listRuns(pool, { limit: 1 }), [{ task: 'backup', state: 'stopped' }]);
  const left = await readdir(join(dataDir, 'backups'));
  t.strictSame(left, []);
});

t.test('commands join the embedded cluster of a running service, and start it when none runs', async (t) => {
  const dataDir = await temporaryDirectory(t);
  const env = { DATA_DIR: dataDir };
  const service = await startService(env);
  const body = { call_id: 'a', call_type: 'good_ev', book_a: 'b', odds_a: 110, roi_percent: 1 };
  const stored = await fetch(new URL('/v1/calls?wait=stored', service.url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  t.equal(stored.status, 200);
  const beside = await run('backup', [], env);
  t.equal(beside.code, 0, beside.stderr);
  t.match(beside.stdout, /rows {5}1 calls/);
  const id = /^backup {3}(\S+)$/m.exec(beside.stdout)?.[1] ?? '';
  const listed = await fetch(new URL(`/v1/admin/backups/${id}`, service.url));
  t.match(await listed.json(), { id, state: 'complete' }, 'the service knows of it');
  const refused = await run('restore', [id, '--replace'], env);
  t.equal(refused.code, 2);
  t.match(refused.stderr, /a service is attached/);
  t.equal(await service.end('SIGTERM'), 0);

  const alone = await run('verify', [id], env);
  t.equal(alone.code, 0, alone.stderr);
  const restored = await run('restore', [id, '--replace'], env);
  t.equal(restored.code, 0, restored.stderr);
  const again = await startService(env);
  await until(async () => (await fetch(new URL('/v1/calls/a', again.url))).status === 200);
  const runs = await (await fetch(new URL('/v1/admin/runs?limit=1', again.url))).text();
  t.match(runs, '"task":"restore"');
  t.equal(await again.end('SIGTERM'), 0);
});
