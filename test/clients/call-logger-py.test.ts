import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { version } from '../../src/config/version.js';
import { until } from '../helpers/drain.js';
import { createMigratedDatabase, type Teardown } from '../helpers/postgres.js';
import { root } from '../helpers/program.js';
import { type RunningService, startService, temporaryDirectory } from '../helpers/service.js';

t.setTimeout(120_000);

const run = promisify(execFile);
const here = `${root}test/clients/`;

const python = await run('python3', ['--version']).then(
  () => true,
  () => false,
);
const options = { skip: python ? false : 'no python3 here' };

const keys = { ingest: 'ingest-secret-of-bot', admin: 'admin-secret-of-test' };
const database = await createMigratedDatabase(t);
const pool = database.pool();
const directory = await temporaryDirectory(t);

const start = (port: string): Promise<RunningService> =>
  startService({
    DATABASE_URL: database.url,
    DATA_DIR: join(directory, 'data'),
    PORT: port,
    INGEST_KEYS: `bot:${keys.ingest}`,
    ADMIN_KEYS: `test:${keys.admin}`,
  });
let service = await start('0');
t.teardown(() => service.end('SIGTERM'));
const address = service.url;
/** Nothing listens there. */
const nowhere = 'http://127.0.0.1:1';
const { port } = new URL(address);
const served = await fetch(`${address}/clients/call_logger.py`);
const senderText = await served.text();
await writeFile(join(directory, 'call_logger.py'), senderText);

type Environment = Readonly<Record<string, string>>;

/** Of a bot: the sender as it was handed out, and nothing of this process's own configuration. */
function environment(env: Environment): Environment {
  return {
    PATH: process.env['PATH'] ?? '',
    PYTHONPATH: directory,
    PYTHONDONTWRITEBYTECODE: '1',
    CALL_LOGGER_URL: address,
    CALL_LOGGER_KEY: keys.ingest,
    ...env,
  };
}

interface Stats {
  readonly logged: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly skipped: number;
  readonly lost: number;
  readonly spilled: number;
  readonly queued: number;
  readonly overflow_bytes: number;
  readonly state: string;
  readonly last_error: string | null;
}

/** A bot in a process of its own (bot.py). */
class Bot {
  readonly process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  log = '';

  constructor(t: Teardown, env: Environment = {}) {
    const child = spawn('python3', [join(here, 'bot.py')], { env: environment(env) });
    this.process = child;
    this.#answers = createInterface(child.stdout)[Symbol.asyncIterator]();
    child.stderr.on('data', (chunk: Buffer) => {
      this.log += chunk.toString();
    });
    t.teardown(() => child.kill('SIGKILL'));
  }

  async ask(
    method: string,
    args: readonly unknown[] = [],
    fields: object = {},
    times = 1,
  ): Promise<unknown[]> {
    this.process.stdin?.write(`${JSON.stringify({ method, args, fields, times })}\n`);
    const answer = await this.#answers.next();
    if (answer.done === true) throw new Error(`the bot has ended:\n${this.log}`);
    // What bot.py prints is a list.
    return JSON.parse(answer.value) as unknown[];
  }

  async logCalls(times: number, fields: object = {}): Promise<string[]> {
    return (await this.ask('log_call', [], { ...alert, ...fields }, times)).map(String);
  }

  async stats(): Promise<Stats> {
    const [stats] = await this.ask('stats');
    return stats as Stats;
  }

  async end(signal: NodeJS.Signals | null = null): Promise<void> {
    const ended = once(this.process, 'exit');
    if (signal === null) this.process.stdin?.end();
    else this.process.kill(signal);
    await ended;
  }
}

const alert = {
  call_type: 'arbitrage',
  sport: 'NBA',
  book_a: 'bet365',
  book_b: 'Pinnacle',
  odds_a: -110,
  odds_b: 115,
  roi_percent: 2.5,
  users_notified: 10,
};

async function storedOf(ids: readonly string[]): Promise<{ calls: number; clicks: number; settled: number }> {
  const { rows } = await pool.query<{ calls: number; clicks: number; settled: number }>(
    `select count(*)::int as calls, coalesce(sum(clicks), 0)::int as clicks, count(outcome)::int as settled
     from arbitrage_calls where call_id = any($1)`,
    [ids],
  );
  return rows[0] ?? { calls: 0, clicks: 0, settled: 0 };
}

const stored = async (ids: readonly string[]): Promise<boolean> =>
  (await storedOf(ids)).calls === new Set(ids).size;

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly lines: readonly string[];
  readonly atMs: number;
}
type Answer = (lines: number) => { status: number; headers?: Record<string, string>; body?: unknown } | null;

const accept: Answer = (lines) => ({
  status: 202,
  body: { accepted: lines, rejected: 0, ids: Array.from({ length: lines }, () => 'id'), errors: [] },
});

// The sender's own lines.
const callIdOf = (line: string): unknown => (JSON.parse(line) as Record<string, unknown>)['call_id'];

/** Something else than the service behind its address, for answers it seldom gives. The last answer goes on. */
async function pretender(t: Teardown, ...answers: Answer[]): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    const lines = text.toString().trimEnd().split('\n');
    received.push({
      headers: request.headers,
      lines,
      atMs: performance.now(),
    });
    const answer = answers[Math.min(received.length, answers.length) - 1]?.(lines.length);
    if (answer === null || answer === undefined) return;
    const told = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {});
    response.writeHead(answer.status, answer.headers).end(told);
  };
  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

t.test('the service hands the sender out, with its version in it', async (t) => {
  t.equal(served.status, 200);
  t.equal(served.headers.get('content-type'), 'text/x-python; charset=utf-8');
  const source = readFileSync(join(root, 'src/clients/call_logger.py'), 'utf8');
  t.equal(senderText, source.replace('"unreleased"', `"${version}"`));
  t.match(senderText, `\n__version__ = "${version}"\n`);
  const again = { headers: { 'if-none-match': served.headers.get('etag') ?? '' } };
  t.equal((await fetch(`${address}/clients/call_logger.py`, again)).status, 304);
  const older = { headers: { 'if-none-match': '"another"' } };
  t.equal((await fetch(`${address}/clients/call_logger.py`, older)).status, 200);
});

t.test('it is Python 3.9, and imports nothing but the standard library', options, async () => {
  await run('python3', [
    '-c',
    `import ast, sys
tree = ast.parse(open(sys.argv[1]).read(), feature_version=(3, 9))
names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
foreign = {name for name in names if name.split('.')[0] not in sys.stdlib_module_names}
assert not foreign, foreign`,
    join(directory, 'call_logger.py'),
  ]);
});

t.test(
  'a service that is killed again and again loses nothing, and stores nothing twice',
  options,
  async (t) => {
    const bot = new Bot(t);
    const ids: string[] = [];
    for (let round = 0; round < 2; round++) {
      ids.push(...(await bot.logCalls(200)));
      for (const id of ids.slice(-20)) {
        await bot.ask('increment_click', [id], { user_id: 17 });
        await bot.ask('update_result', [id, 'a_won', 12.5]);
      }
      await service.end('SIGKILL');
      ids.push(...(await bot.logCalls(50)));
      await until(async () => (await bot.stats()).state === 'failing');
      service = await start(port);
      await until(async () => (await bot.stats()).queued === 0);
    }
    await bot.ask('stop');
    t.match(await bot.stats(), { logged: 580, accepted: 580, rejected: 0, skipped: 0, lost: 0, queued: 0 });
    await until(() => stored(ids));
    await until(async () => (await storedOf(ids)).settled === 40);
    t.strictSame(await storedOf(ids), { calls: 500, clicks: 40, settled: 40 });
    t.match(bot.log, /WARNING the service cannot be reached: .*\n(.*\n)*INFO the service takes events again/);
  },
);

t.test('a full queue skips and counts, and what stop could not send is told', options, async (t) => {
  const mute = await pretender(t, () => null);
  const bot = new Bot(t, { CALL_LOGGER_URL: mute.url });
  const ids = await bot.logCalls(1_500);
  t.equal(new Set(ids).size, 1_500, 'each has its id all the same');
  t.match(await bot.stats(), { logged: 1_500, skipped: 500, queued: 1_000 });
  await bot.ask('stop', [0.1]);
  t.match(await bot.stats(), { skipped: 500, lost: 1_000, queued: 0, state: 'stopped' });
  t.match(bot.log, 'ERROR 500 events were skipped: the queue is full');
  t.match(bot.log, 'ERROR 1000 events could not be sent before the end');
});

t.test('the overflow file', options, async (t) => {
  t.test('takes what the queue cannot, and outlives a bot that is killed', async (t) => {
    const file = join(directory, 'overflow.ndjson');
    const bot = new Bot(t, { CALL_LOGGER_URL: nowhere, CALL_LOGGER_OVERFLOW_FILE: file });
    const ids = await bot.logCalls(2_500);
    await until(async () => (await bot.stats()).queued === 0);
    t.match(await bot.stats(), { logged: 2_500, skipped: 0, spilled: 2_500 });
    await bot.end('SIGKILL');

    const next = new Bot(t, { CALL_LOGGER_OVERFLOW_FILE: file });
    await next.ask('start');
    ids.push(...(await next.logCalls(1)));
    await until(async () => (await next.stats()).overflow_bytes === 0);
    await next.ask('stop');
    t.match(await next.stats(), { logged: 1, accepted: 2_501, rejected: 0 });
    await until(() => stored(ids));
    t.notOk(existsSync(`${file}.sending`));
  });

  t.test('is sent in its order, before what is new, and a torn line costs only itself', async (t) => {
    const file = join(directory, 'order.ndjson');
    // As after a machine that stopped while an earlier run was sending.
    await writeFile(`${file}.sending`, '{"call_id":"one"}\n');
    await writeFile(file, '{"call_id":"two"}\n\n{"call_id":"to');
    const away = await pretender(t, () => ({ status: 503, headers: { 'retry-after': '1' } }), accept);
    const bot = new Bot(t, { CALL_LOGGER_URL: away.url, CALL_LOGGER_OVERFLOW_FILE: file });
    const ids = await bot.logCalls(1);
    await until(async () => (await bot.stats()).spilled === 1);
    ids.push(...(await bot.logCalls(1)));
    await until(async () => (await bot.stats()).accepted === 5);
    await bot.end();
    const lines = away.received.slice(1).flatMap(({ lines }) => lines);
    t.strictSame(lines.slice(0, 3), ['{"call_id":"one"}', '{"call_id":"two"}', '{"call_id":"to']);
    t.strictSame(lines.slice(3).map(callIdOf), ids);
  });

  t.test('keeps what a wrong key refuses, for the next run with the right one', async (t) => {
    const file = join(directory, 'key.ndjson');
    const bot = new Bot(t, { CALL_LOGGER_OVERFLOW_FILE: file, CALL_LOGGER_KEY: 'no-key-of-the-service' });
    const ids = await bot.logCalls(3);
    await until(async () => (await bot.stats()).state === 'failing');
    t.match(await bot.stats(), { rejected: 0, last_error: /401.*check CALL_LOGGER_URL and CALL_LOGGER_KEY/ });
    await bot.end();
    t.match(bot.log, /ERROR the service answered 401/);

    const keyFile = join(directory, 'key');
    await writeFile(keyFile, `${keys.ingest}\n`);
    const next = new Bot(t, {
      CALL_LOGGER_OVERFLOW_FILE: file,
      CALL_LOGGER_KEY: '',
      CALL_LOGGER_KEY_FILE: keyFile,
    });
    await next.ask('start');
    await until(() => stored(ids));
    await next.end();
  });

  t.test('is shared by processes that write and send at the same time', async (t) => {
    const CALL_LOGGER_OVERFLOW_FILE = join(directory, 'shared.ndjson');
    const writers = [1, 2, 3].map(() => new Bot(t, { CALL_LOGGER_URL: nowhere, CALL_LOGGER_OVERFLOW_FILE }));
    const ids = (await Promise.all(writers.map((bot) => bot.logCalls(1_200)))).flat();
    const senders = [1, 2].map(() => new Bot(t, { CALL_LOGGER_OVERFLOW_FILE }));
    await Promise.all(senders.map((bot) => bot.ask('start')));
    await Promise.all(writers.map((bot) => bot.ask('stop', [1])));
    for (const bot of writers)
      t.match(await bot.stats(), { logged: 1_200, skipped: 0, lost: 0, spilled: 1_200 });
    await until(() => stored(ids));
    await Promise.all([...writers, ...senders].map((bot) => bot.end()));
  });

  t.test('is never written by two processes at once, and the bot does not wait for its turn', async (t) => {
    const file = join(directory, 'held.ndjson');
    const hold = `import fcntl, sys
file = open(sys.argv[1], 'ab')
fcntl.flock(file, fcntl.LOCK_EX)
print('held', flush=True)
sys.stdin.read()`;
    const holder = spawn('python3', ['-c', hold, `${file}.lock`]);
    t.teardown(() => holder.kill('SIGKILL'));
    await once(holder.stdout, 'data');
    const bot = new Bot(t, { CALL_LOGGER_URL: nowhere, CALL_LOGGER_OVERFLOW_FILE: file });
    await bot.logCalls(1_001);
    t.match(await bot.stats(), { skipped: 1, spilled: 0, queued: 1_000 });
    // Told while the outage lasts.
    await until(() => /ERROR 1 events were skipped: .*held by another process/.test(bot.log));
    holder.kill('SIGKILL');
    await until(async () => (await bot.stats()).spilled === 1_000);
    await bot.end();
  });

  t.test('that cannot be written is told at the start', async (t) => {
    const bot = new Bot(t, { CALL_LOGGER_OVERFLOW_FILE: '/dev/null/overflow' });
    await bot.ask('start');
    await until(() => bot.log.includes('ERROR the overflow file cannot be used: '));
    const [id = ''] = await bot.logCalls(1);
    await until(() => stored([id]));
  });
});

t.test(
  'what the service refuses for good is logged once and counted, the others of its batch are stored',
  options,
  async (t) => {
    const bot = new Bot(t);
    const [bad = ''] = await bot.logCalls(1, { odds_b: 5 });
    const good = await bot.logCalls(2);
    await bot.ask('stop');
    t.match(await bot.stats(), { logged: 3, accepted: 2, rejected: 1, queued: 0, last_error: null });
    const told = bot.log.split('\n').filter((line) => line.includes(bad));
    t.equal(told.length, 1);
    t.match(told[0], /^ERROR the service refused call .* for good: \/odds_b: .*American odds must be/);
    await until(() => stored(good));
  },
);

t.test('what stands behind the address', options, async (t) => {
  t.test('is asked again after as long as it says, with the same events', async (t) => {
    const busy = await pretender(t, () => ({ status: 503, headers: { 'retry-after': '1' } }), accept);
    const bot = new Bot(t, { CALL_LOGGER_URL: busy.url });
    const ids = await bot.logCalls(1);
    await until(async () => (await bot.stats()).accepted === 1);
    const [first, second] = busy.received;
    t.strictSame(second?.lines, first?.lines);
    t.strictSame(first?.lines.map(callIdOf), ids);
    t.ok((second?.atMs ?? 0) - (first?.atMs ?? 0) >= 1_000);
    t.match(first?.headers, {
      authorization: `Bearer ${keys.ingest}`,
      'user-agent': `call-logger-py/${version} python/`,
      'content-type': 'application/x-ndjson',
    });
    await bot.end();
  });

  t.test('gets smaller batches when they are too large for it, gzipped while that pays', async (t) => {
    const limit: Answer = (lines) => (lines > 100 ? { status: 413, body: '<html>' } : accept(lines));
    const proxy = await pretender(t, limit);
    const bot = new Bot(t, { CALL_LOGGER_URL: proxy.url });
    const ids = await bot.logCalls(400);
    await until(async () => (await bot.stats()).accepted === 400);
    const taken = proxy.received.filter(({ lines }) => lines.length <= 100);
    t.strictSame(
      taken.flatMap(({ lines }) => lines.map(callIdOf)),
      ids,
      'in their order',
    );
    for (const { headers } of proxy.received.filter(({ lines }) => lines.length >= 20))
      t.equal(headers['content-encoding'], 'gzip');
    await bot.end();
  });

  t.test('is not taken for the service because it says 200, and costs no event', async (t) => {
    for (const answer of [
      { status: 200, body: '<html>Welcome</html>' },
      { status: 202, body: { accepted: 1 } },
      { status: 404 },
      { status: 400, body: '<html>plain HTTP sent to an HTTPS port</html>' },
      { status: 301, headers: { location: 'https://example.org/' } },
    ]) {
      const other = await pretender(t, () => answer);
      const bot = new Bot(t, { CALL_LOGGER_URL: other.url });
      await bot.logCalls(2);
      await until(async () => (await bot.stats()).state === 'failing');
      t.match(await bot.stats(), {
        accepted: 0,
        rejected: 0,
        queued: 2,
        last_error: /check CALL_LOGGER_URL/,
      });
      await bot.end('SIGKILL');
    }
  });

  t.test('may be no address at all', async (t) => {
    for (const url of ['localhost:3000', 'http://', 'http://127.0.0.1:99999', 'ftp://x']) {
      const bot = new Bot(t, { CALL_LOGGER_URL: url });
      await bot.logCalls(1);
      await until(async () => (await bot.stats()).state === 'failing');
      await bot.end('SIGKILL');
    }
  });

  t.test('may never answer: stop keeps to its deadline, and to the file', async (t) => {
    const mute = await pretender(t, () => null);
    const file = join(directory, 'mute.ndjson');
    const bot = new Bot(t, { CALL_LOGGER_URL: mute.url, CALL_LOGGER_OVERFLOW_FILE: file });
    const ids = await bot.logCalls(2);
    await until(() => mute.received.length > 0);
    await bot.ask('stop', [0.1]);
    t.match(await bot.stats(), { spilled: 2, lost: 0, state: 'stopped' });
    for (const id of ids) t.match(readFileSync(file, 'utf8'), id);
    await bot.end();
  });
});

t.test(
  'Python values become those of an event, and what fits no field goes under raw',
  options,
  async (t) => {
    const env = environment({ TZ: 'America/New_York' });
    const { stdout, stderr } = await run('python3', [join(here, 'values.py')], { env });
    const [id = '', blankId = ''] = stdout.trim().split(' ');
    await until(() => stored([id, blankId]));
    await until(async () => (await storedOf([id])).settled === 1 && (await storedOf([id])).clicks === 2);
    const headers = { authorization: `Bearer ${keys.admin}` };
    const response = await fetch(`${address}/v1/calls/${id}`, { headers });
    t.match(await response.json(), {
      call_type: 'arbitrage',
      sport: 'tennis',
      league: null,
      market: null,
      team_a: null,
      match_date: '2025-10-22',
      commence_time: '2025-10-23T00:30:00.000000Z',
      sent_at: '2025-10-22T08:01:19.250731Z',
      expires_at: '2025-10-23T06:13:20.500000Z',
      odds_a: 110.5,
      odds_b: 105,
      roi_percent: 0.5,
      stake_a: null,
      stake_b: null,
      notified_user_ids: ['17'],
      users_notified: 1,
      users_clicked: 1,
      profit_actual: 12.5,
      raw: {
        when: '2025-10-22',
        nan: null,
        tags: ['a', 'tennis'],
        '1': 16,
        bookmaker_url: 'https://example.org',
        stake_b: 'much',
      },
    });
    const blank = await fetch(`${address}/v1/calls/${blankId}`, { headers });
    const { sent_at, received_at, ...row } = (await blank.json()) as Record<string, unknown>;
    t.not(sent_at, received_at, 'the time at which the bot logged it');
    t.match(row, { users_notified: 0, notified_user_ids: null });
    t.match(stderr, 'log_call: stake_b (str) fits no field, it is kept under raw');
  },
);

t.test('no value whatever makes a method raise, and every event is accounted for', options, async (t) => {
  const { stdout } = await run('python3', [join(here, 'fuzz.py'), '20251022'], {
    env: environment({ TZ: 'Europe/Paris' }),
  });
  const { logged, accepted, rejected, skipped, lost, queued } = JSON.parse(stdout) as Stats;
  t.equal(logged, accepted + rejected + skipped + lost + queued);
  t.equal(skipped + lost + queued, 0);
  t.ok(accepted > 100 && rejected > 100, `${accepted} accepted, ${rejected} rejected`);
});

t.test('old calls are deleted with an admin key, and without one nothing is raised', options, async (t) => {
  const bot = new Bot(t, { CALL_LOGGER_ADMIN_KEY: keys.admin });
  const [id = ''] = await bot.logCalls(1, { sent_at: '2000-01-01T00:00:00Z' });
  await until(() => stored([id]));
  await pool.query('update calls set received_at = sent_at where call_id = $1', [id]);
  t.match(await bot.ask('cleanup_old_data', [], { days_to_keep: 9_000 }), [{ deleted: { calls: Number } }]);
  t.equal((await storedOf([id])).calls, 0);
  await bot.end();
  const keyless = new Bot(t);
  t.strictSame(await keyless.ask('cleanup_old_data'), [null]);
  t.match(keyless.log, 'ERROR cleanup_old_data failed: the service answered 401');
  await keyless.end();
});

t.test('processes', options, async (t) => {
  const script = async (lines: string): Promise<string[]> => {
    const { stdout } = await run('python3', ['-c', lines], { env: environment({}) });
    return stdout.trim().split('\n');
  };
  const log = `log_call(call_type='good_ev', book_a='Unibet', odds_a=-105, roi_percent=4.2)`;

  t.test('that end without stopping send what is queued', async () => {
    const ids = await script(`
import asyncio, atexit
from call_logger import get_call_logger
atexit.register(lambda: print(get_call_logger().sync.${log}))
async def main():
    print(await get_call_logger().${log})
asyncio.run(main())`);
    await until(() => stored(ids));
  });

  t.test('that fork have loggers of their own: each sends its events, and only those', async (t) => {
    const [child = '', parent = '', ...ids] = await script(`
import json, os
from call_logger import get_call_logger
logger = get_call_logger().sync
ids = [logger.${log} for _ in range(50)]
reading, writing = os.pipe()
if os.fork() == 0:
    ids = [logger.${log}]
    logger.stop()
    os.write(writing, (json.dumps(logger.stats()) + '\\n' + ids[0]).encode())
    os._exit(0)
os.wait()
told, child_id = os.read(reading, 4096).decode().split('\\n')
logger.stop()
print(told, json.dumps(logger.stats()), child_id, *ids, sep='\\n')`);
    t.match(JSON.parse(child), { logged: 1, accepted: 1 });
    t.match(JSON.parse(parent), { logged: 50, accepted: 50 });
    t.equal(ids.length, 51);
    await until(() => stored(ids));
  });

  t.test('have one logger wherever it is asked for, and may stop and go on', async () => {
    const ids = await script(`
from pathlib import Path
from call_logger import get_call_logger
first = get_call_logger()
assert get_call_logger() is first
other = get_call_logger(overflow_file=Path('/tmp/nothing'))
assert other is not first and get_call_logger(overflow_file=Path('/tmp/nothing')) is other
print(first.sync.${log})
first.sync.stop()
first.sync.stop()
print(first.sync.${log})
first.sync.stop()
stats = first.stats()
assert stats['accepted'] == 2 and stats['state'] == 'stopped', stats`);
    await until(() => stored(ids));
  });
});
