import { join } from 'node:path';
import t from 'tap';
import type pg from 'pg';
import { restoreBackup } from '../../src/upkeep/backup/restore-backup.js';
import { fixtureEvents } from '../bench/rows.js';
import { drainPool, lockWaiters, until } from '../helpers/drain.js';
import { noPgbouncer, startPgbouncer } from '../helpers/pgbouncer.js';
import { createDatabase, type Teardown } from '../helpers/postgres.js';
import { type RunningService, startService, temporaryDirectory } from '../helpers/service.js';
import { countsOf, flush } from './audit.js';

t.setTimeout(180_000);

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function post(
  service: RunningService,
  path: string,
  body?: string,
  type = 'application/json',
): Promise<Answer> {
  const init = body === undefined ? {} : { headers: { 'content-type': type }, body };
  const response = await fetch(new URL(path, service.url), { method: 'POST', ...init });
  // Ours, see the contract.
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

interface Started {
  readonly service: RunningService;
  readonly dataDir: string;
}

async function start(t: Teardown, env: Readonly<Record<string, string>>): Promise<Started> {
  const dataDir = await temporaryDirectory(t);
  const service = await startService({ DATA_DIR: dataDir, BACKUP_INTERVAL_DAYS: '0', ...env });
  t.teardown(() => service.end('SIGKILL'));
  await until(async () => (await countsOf(service.url)).stored !== null);
  return { service, dataDir };
}

/** Advisory locks of tasks: of migrations and services they have one key, of tasks two. */
async function taskLocks(pool: pg.Pool): Promise<number> {
  const { rowCount } = await pool.query(
    `select from pg_locks where locktype = 'advisory' and objsubid = 2
       and database = (select oid from pg_database where datname = current_database())`,
  );
  return rowCount ?? 0;
}

const lines = fixtureEvents().map((event) => JSON.stringify(event));

t.test(
  'behind a pooler in transaction mode all works, and a service that is killed leaves no lock behind',
  { skip: noPgbouncer },
  async (t) => {
    const database = await createDatabase(t);
    const direct = drainPool(t, database.url);
    const pooled = await startPgbouncer(t, database.url);
    const { service: victim } = await start(t, { DATABASE_URL: pooled });
    const { service: survivor, dataDir } = await start(t, { DATABASE_URL: pooled });

    // An import into both at once: every event is sent twice.
    const imported = await Promise.all(
      [victim, survivor].map((service) =>
        post(service, '/v1/events', lines.join('\n'), 'application/x-ndjson'),
      ),
    );
    t.strictSame(
      imported.map(({ body }) => body['accepted']),
      [lines.length, lines.length],
    );
    t.ok(await flush(victim.url, 30));
    t.ok(await flush(survivor.url, 30));
    const counts = await Promise.all([victim, survivor].map(({ url }) => countsOf(url)));
    const sum = (name: 'stored' | 'duplicate') => counts.reduce((sum, each) => sum + (each[name] ?? 0), 0);
    t.strictSame([sum('stored'), sum('duplicate')], [lines.length, lines.length]);

    // A backup that waits for a table is in the middle of its work.
    const locker = await direct.connect();
    await locker.query('begin; lock table results in access exclusive mode');
    t.equal((await post(victim, '/v1/admin/backups')).status, 202);
    await until(async () => (await lockWaiters(direct)) === 1);
    t.match(await post(survivor, '/v1/admin/backups?wait=true'), { status: 409 });
    await victim.end('SIGKILL');
    await until(async () => (await taskLocks(direct)) === 0);
    await locker.query('rollback');
    locker.release();

    const backup = await post(survivor, '/v1/admin/backups?wait=true');
    t.equal(backup.status, 201, JSON.stringify(backup.body));
    const id = String(backup.body['id']);
    t.match(await post(survivor, `/v1/admin/backups/${id}/verify`), { status: 200, body: { ok: true } });
    t.match(await post(survivor, '/v1/admin/cleanup', '{"days_to_keep": 36500}'), { status: 200 });
    t.match(await (await fetch(new URL('/v1/stats?group_by=sport', survivor.url))).json(), {
      total: { calls: lines.filter((line) => line.includes('"type":"call"')).length },
    });
    t.match(await (await fetch(new URL('/v1/exports/calls', survivor.url))).text(), /^call_id,/);

    const restore = async (url: string) =>
      restoreBackup({
        file: join(dataDir, 'backups', `${id}.sql.gz`),
        target: { connectionString: url },
        replace: true,
        signal: new AbortController().signal,
      });
    await t.rejects(restore(pooled), { message: /a service is attached/ });
    t.equal(await survivor.end('SIGTERM'), 0);
    t.equal(await taskLocks(direct), 0);
    t.match(await restore(pooled), { compared: true }, 'sessions that the pooler keeps are no services');

    for (const service of [victim, survivor]) t.notMatch(service.output(), /prepared statement|42P05|26000/);
    t.match(survivor.output(), /DIRECT_DATABASE_URL/, 'the start says what might not work');
    const settings = await Promise.all(
      Array.from({ length: 8 }, () => drainPool(t, pooled, 1).query('show statement_timeout')),
    );
    for (const { rows } of settings)
      t.strictSame(rows, [{ statement_timeout: '0' }], 'nothing is set for those who come after us');
  },
);

t.test(
  'where a pooler does not let through to other databases, a backup is proved over DIRECT_DATABASE_URL',
  { skip: noPgbouncer },
  async (t) => {
    const database = await createDatabase(t);
    const pooled = await startPgbouncer(t, database.url, { othersToo: false });
    const { service: without } = await start(t, { DATABASE_URL: pooled });
    const { body } = await post(without, '/v1/admin/backups?wait=true');
    const refused = await post(without, `/v1/admin/backups/${String(body['id'])}/verify`);
    t.ok(refused.status >= 400);
    t.match(refused.body['detail'], /DIRECT_DATABASE_URL/);
    t.equal(await without.end('SIGTERM'), 0);

    const env = { DATABASE_URL: pooled, DIRECT_DATABASE_URL: database.url };
    const { service: withIt } = await start(t, env);
    const { body: made } = await post(withIt, '/v1/admin/backups?wait=true');
    t.match(await post(withIt, `/v1/admin/backups/${String(made['id'])}/verify`), {
      status: 200,
      body: { ok: true },
    });
    t.notMatch(withIt.output(), /leads through a connection pooler/);
    t.equal(await withIt.end('SIGTERM'), 0);
  },
);
