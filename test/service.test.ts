import { once } from 'node:events';
import { chmod, rm, statfs, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import t from 'tap';
import { type Config, readConfig } from '../src/config/config.js';
import { openService } from '../src/service.js';
import { createGate } from './helpers/gate.js';
import { createDatabase, createMigratedDatabase, type Teardown } from './helpers/postgres.js';
import { mountSmallDisk } from './helpers/small-disk.js';
import { startService, temporaryDirectory } from './helpers/service.js';
import { audit, countsOf, flush } from './whole/audit.js';
import { Driver } from './whole/driver.js';

const silent = pino({ level: 'silent' });
const ignore = (): void => undefined;

async function configOf(t: Teardown, env: Readonly<Record<string, string>>): Promise<Config> {
  return readConfig({ DATA_DIR: await temporaryDirectory(t), PORT: '0', ...env });
}

const call = {
  call_type: 'arbitrage',
  book_a: 'bet365',
  odds_a: 110,
  book_b: 'Pinnacle',
  odds_b: 105,
  roi_percent: 3.74,
};

function post(url: string, path: string, body: object): Promise<Response> {
  return fetch(new URL(path, url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

t.test(
  'with PostgreSQL away from the start events are taken, and drain by themselves once it comes',
  async (t) => {
    const database = await createMigratedDatabase(t);
    const gate = await createGate(t, database.url);
    const service = await openService(await configOf(t, { DATABASE_URL: gate.url }), silent, ignore);
    t.teardown(() => service.stop());
    const url = await service.app.listen({ port: 0 });

    t.equal((await post(url, '/v1/calls', { ...call, call_id: 'early' })).status, 202);
    t.equal((await fetch(new URL('/readyz', url))).status, 200, 'it can take events');
    const read = await fetch(new URL('/v1/calls/early', url));
    t.equal(read.status, 503, 'it cannot read calls yet, and says so');
    t.ok(Number(read.headers.get('retry-after')) > 0);
    t.strictSame(await countsOf(url), {
      accepted: 1,
      stored: null,
      duplicate: null,
      dead_letter: null,
      spooled: 1,
    });

    await gate.open();
    t.ok(await flush(url, 30), 'drained');
    t.equal((await fetch(new URL('/v1/calls/early', url))).status, 200);
    t.strictSame(await countsOf(url), { accepted: 1, stored: 1, duplicate: 0, dead_letter: 0, spooled: 0 });
  },
);

t.test('while PostgreSQL is away under load acknowledgements go on, and nothing is lost', async (t) => {
  const database = await createMigratedDatabase(t);
  const gate = await createGate(t, database.url);
  await gate.open();
  const service = await openService(await configOf(t, { DATABASE_URL: gate.url }), silent, ignore);
  t.teardown(() => service.stop());
  const url = await service.app.listen({ port: 0 });
  const driver = new Driver(() => url, 8);
  const ending = new AbortController();
  const driving = driver.drive(ending.signal);
  const acknowledged = async (count: number): Promise<void> => {
    const goal = driver.acknowledgements + count;
    while (driver.acknowledgements < goal) await new Promise(setImmediate);
  };

  await acknowledged(200);
  await gate.shut();
  await acknowledged(500);
  await gate.open();
  await acknowledged(200);
  ending.abort();
  await driving;

  t.ok(await flush(url, 60), 'drained');
  t.equal(driver.failedAttempts, 0, 'no sender ever noticed');
  t.match(await audit(database.pool(), driver), { lost: 0, duplicated: 0, invented: 0 });
  const { accepted, stored, duplicate, dead_letter: deadLetter } = await countsOf(url);
  t.equal(accepted, driver.acknowledgements);
  t.equal(stored, accepted);
  t.strictSame([duplicate, deadLetter], [0, 0]);
});

t.test(
  'with less than the reserve free it starts, says so, refuses events, and tells when and why',
  async (t) => {
    const lines = new PassThrough({ encoding: 'utf8' });
    // PostgreSQL is away.
    const env = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', DISK_RESERVE_BYTES: String(2 ** 52) };
    const service = await openService(await configOf(t, env), pino({ level: 'warn' }, lines), ignore);
    t.teardown(() => service.stop());
    const url = await service.app.listen({ port: 0 });
    const words = /The disk of the spool has .* free; DISK_RESERVE_BYTES keeps 4294967296\.0 MiB free/;
    t.match(String(lines.read()), words);
    const answer = await post(url, '/v1/calls', call);
    t.equal(answer.status, 503);
    t.match(await answer.json(), { type: 'urn:call-logger:problem:disk_full', detail: words });
    const ready = await fetch(new URL('/readyz', url));
    t.equal(ready.status, 503);
    t.match(await ready.json(), { checks: { spool: 'full' } });
    t.match(await (await fetch(new URL('/v1/admin/status', url))).json(), {
      spool: { state: 'full', last_error: words, last_error_at: /^\d{4}-\d\d-\d\dT[\d:.]+Z$/ },
      disk_free_bytes: Number,
      disk_reserve_bytes: 2 ** 52,
    });
  },
);

t.test(
  'a full disk under spool and embedded PostgreSQL: all that was acknowledged is stored, and the door opens once there is room',
  async (t) => {
    const dataDir = await temporaryDirectory(t);
    // PostgreSQL's own account has to get through.
    await chmod(dataDir, 0o711);
    const unmount = await mountSmallDisk(dataDir, 160);
    if (unmount === null) {
      t.comment('this user may not mount a small file system: not tested');
      return;
    }
    t.teardown(unmount);
    const reserve = 64 * 2 ** 20;
    const env = { DATA_DIR: dataDir, DISK_RESERVE_BYTES: String(reserve), BACKUP_INTERVAL_DAYS: '0' };
    const service = await openService(await configOf(t, env), silent, ignore);
    t.teardown(() => service.stop());
    const url = await service.app.listen({ port: 0 });
    t.ok(await flush(url, 60), 'PostgreSQL is there');
    const { bavail, bsize } = await statfs(dataDir);
    const filler = join(dataDir, 'filler');
    await writeFile(filler, Buffer.alloc(bavail * bsize - reserve - 4 * 2 ** 20));

    let sent = 0;
    const batch = (): object[] =>
      Array.from({ length: 500 }, () => ({
        type: 'call',
        ...call,
        call_id: `c${sent++}`,
        raw: { text: 'x'.repeat(500) },
      }));
    let acknowledged = 0;
    const send = async (): Promise<Response> => {
      const answer = await post(url, '/v1/events', batch());
      if (answer.status === 202) acknowledged += 500;
      return answer;
    };
    let answer: Response;
    // What is stored leaves the spool, which makes some room again.
    do {
      while ((answer = await send()).status === 202);
      t.match(await answer.json(), { status: 503, type: 'urn:call-logger:problem:disk_full' });
      t.ok(await flush(url, 60), 'stored with what is kept free');
    } while ((answer = await send()).status === 202);
    t.match(await countsOf(url), { accepted: acknowledged, stored: acknowledged, spooled: 0 });
    t.ok(acknowledged > 0, `${acknowledged} events`);
    await rm(filler);
    t.equal((await post(url, '/v1/events', batch())).status, 202);
    t.ok(await flush(url, 60));
  },
);

t.test(
  'the parts stop in the order door, judging, upkeep, drain, spool, store, each once however often it is asked',
  async (t) => {
    const database = await createMigratedDatabase(t);
    const lines = new PassThrough({ encoding: 'utf8' });
    const log = pino({ level: 'debug' }, lines);
    const service = await openService(await configOf(t, { DATABASE_URL: database.url }), log, ignore);
    await service.app.listen({ port: 0 });
    await Promise.all([service.stop(), service.stop()]);
    await service.stop();
    const steps = [...String(lines.read()).matchAll(/"step":"(\w+)"/g)].map((match) => match[1]);
    t.strictSame(steps, ['door', 'judging', 'upkeep', 'drain', 'spool', 'store']);
  },
);

t.test('SIGTERM under load loses nothing that was acknowledged', async (t) => {
  const database = await createMigratedDatabase(t);
  const env = { DATABASE_URL: database.url, DATA_DIR: await temporaryDirectory(t) };
  let service = await startService(env);
  const driver = new Driver(() => service.url, 8);
  const ending = new AbortController();
  const driving = driver.drive(ending.signal);
  while (driver.acknowledgements < 200) await new Promise(setImmediate);

  t.equal(await service.end('SIGTERM'), 0, 'a clean exit');
  service = await startService(env);
  ending.abort();
  await driving;
  t.ok(await flush(service.url, 60));
  t.match(await audit(database.pool(), driver), { lost: 0, duplicated: 0, invented: 0 });
  t.equal(await service.end('SIGTERM'), 0);
});

t.test(
  'whoever waits when the service stops is answered: 202 for what is on disk, 504 for a flush',
  async (t) => {
    const service = await openService(
      await configOf(t, { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }),
      silent,
      ignore,
    );
    const url = await service.app.listen({ port: 0 });
    const waiting = post(url, '/v1/calls?wait=stored', { ...call, call_id: 'waits' });
    while ((await countsOf(url)).accepted === 0) await new Promise(setImmediate);
    const flushing = post(url, '/v1/admin/flush', {});
    // The flush has been read once a request behind it on a connection of its own is answered.
    t.equal((await fetch(new URL('/livez', url))).status, 200);
    await service.stop();
    t.equal((await waiting).status, 202);
    t.equal((await flushing).status, 504);
  },
);

t.test('a second service on the same data directory is refused and says why', async (t) => {
  const database = await createMigratedDatabase(t);
  const config = await configOf(t, { DATABASE_URL: database.url });
  const first = await openService(config, silent, ignore);
  await t.rejects(openService(config, silent, ignore), { name: 'DirectoryInUseError' });
  await first.stop();
  const next = await openService(config, silent, ignore);
  await next.stop();
});

t.test('a second signal ends the service at once', async (t) => {
  const service = await startService({
    DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    DATA_DIR: await temporaryDirectory(t),
  });
  // A request whose body never ends keeps the door from closing.
  const { hostname, port } = new URL(service.url);
  const slow = connect(Number(port), hostname);
  slow.on('error', ignore);
  slow.write(
    'POST /v1/calls HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  );
  t.equal((await fetch(new URL('/livez', service.url))).status, 200);
  const exit = once(service.process, 'exit');
  service.process.kill('SIGTERM');
  while (!service.output().includes('"stopping"')) await new Promise(setImmediate);
  service.process.kill('SIGTERM');
  t.strictSame((await exit)[0], 1);
  slow.destroy();
});

t.test('a database with tables of somebody else ends the service, with what to do about it', async (t) => {
  const database = await createDatabase(t);
  await database.pool().query('create table arbitrage_calls (id serial primary key)');
  const env = { DATABASE_URL: database.url, DATA_DIR: await temporaryDirectory(t) };
  // It may end before it listens.
  const told = await startService(env).then(
    async (service) => {
      await service.ended;
      t.equal(service.process.exitCode, 1);
      return service.output();
    },
    (error: unknown) => String(error),
  );
  t.match(told, /call-logger cannot start: the database "\S+" has public\.arbitrage_calls already/);
  t.match(told, /give call-logger a database of its own/);
});

t.test('a bad configuration is refused with every problem in one error, and no secret in it', async (t) => {
  const service = startService({
    PORT: '70000',
    HOST: '0.0.0.0',
    READ_KEYS: 'ann:tooshortsecret',
    BATCH_MAX_EVENTS: 'x',
  });
  const error = await service.then(
    () => '',
    (error: unknown) => String(error),
  );
  for (const named of ['PORT=70000', 'HOST=0.0.0.0', 'READ_KEYS', 'BATCH_MAX_EVENTS=x'])
    t.match(error, named);
  t.notMatch(error, 'tooshort');
});
