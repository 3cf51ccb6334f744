import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { judgeBatch, retryAfterMs } from '../../src/cli/import/answer.js';
import { UsageError, readOptions } from '../../src/cli/import/options.js';
import { listen, testApp } from '../helpers/app.js';
import { type Body, callOf } from '../helpers/events.js';
import { programOf } from '../helpers/program.js';

// Also when run without the runner and its settings.
t.setTimeout(120_000);

const directory = mkdtempSync(path.join(os.tmpdir(), 'call-logger-import-'));
const KEY = 'k'.repeat(20);

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Figures of the summary by their name. */
  readonly figures: Readonly<Record<string, string>>;
}

interface Started {
  readonly end: Promise<Ended>;
  /** Sends the signal and resolves once the command has said that it heard it. */
  interrupt(): Promise<void>;
}

function start(
  args: string[],
  { input, env }: { input?: Buffer; env?: Record<string, string> } = {},
): Started {
  const child = spawn(process.execPath, [...programOf('cli/import'), ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  });
  child.stdin.on('error', () => undefined).end(input);
  const end = Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    new Promise<number | null>((resolve) => child.on('close', resolve)),
  ]).then(([out, err, code]) => {
    const stdout = out.toString();
    const figures = Object.fromEntries(
      [...stdout.matchAll(/^(\S.{0,11}?) {2,}([\d,.]+)$/gm)].map(
        ([, name, value]) => [name ?? '', value ?? ''] as const,
      ),
    );
    return { code, stdout, stderr: err.toString(), figures };
  });
  const interrupt = async (): Promise<void> => {
    const heard = new Promise<void>((resolve) => {
      child.stderr.on('data', (text) => {
        if (String(text).includes('Stopping')) resolve();
      });
    });
    child.kill('SIGINT');
    await heard;
  };
  return { end, interrupt };
}

function importing(args: string[], options: Parameters<typeof start>[1] = {}): Promise<Ended> {
  return start(args, options).end;
}

interface Posted {
  readonly body: Buffer;
  readonly lines: string[];
  readonly headers: IncomingMessage['headers'];
  readonly url: string;
}

/** The service's part of the conversation, as a test wants it. */
async function peer(
  t: Pick<Test, 'teardown'>,
  answer: (posted: Posted, reply: ServerResponse, nth: number) => void,
) {
  const posts: Posted[] = [];
  const connections = { count: 0 };
  const server = createServer((request, reply) => {
    void (async () => {
      const raw = await buffer(request);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
      const lines = body
        .toString()
        .split('\n')
        .filter((line) => line.trim() !== '');
      const posted = { body, lines, headers: request.headers, url: request.url ?? '' };
      answer(posted, reply, posts.push(posted) - 1);
    })();
  });
  server.on('connection', () => connections.count++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  // It listens on a port, so it has an address with one.
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, posts, connections };
}

function send(
  reply: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  reply.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Takes every line but those that say "bad". */
function judge({ lines }: Posted, reply: ServerResponse): void {
  const errors = lines.flatMap((line, index) =>
    line.includes('bad')
      ? [{ index, errors: [{ pointer: '/odds_a', code: 'x', message: 'is bad\u001b[31m' }] }]
      : [],
  );
  const accepted = lines.length - errors.length;
  send(reply, errors.length === 0 ? 202 : accepted === 0 ? 422 : 207, {
    accepted,
    rejected: errors.length,
    ids: lines.map(() => 'id'),
    errors,
  });
}

function busy(reply: ServerResponse, status: number, retryAfter: string): void {
  send(reply, status, { title: 'The spool is full', status }, { 'retry-after': retryAfter });
}

const click = (id: number | string): string => `{"type":"click","event_id":"${id}","call_id":"c"}`;
const clicks = (count: number): string[] => Array.from({ length: count }, (_, id) => click(id));

let files = 0;
function file(content: string | Buffer, name = 'events.ndjson'): string {
  const at = path.join(directory, `${files++}-${name}`);
  writeFileSync(at, content);
  return at;
}

function sorted(posts: readonly Posted[]): string[] {
  return posts.flatMap(({ lines }) => lines).sort();
}

await t.test(
  'every line arrives once, in batches of the size asked for, and the figures say so',
  async (t) => {
    const { url, posts, connections } = await peer(t, judge);
    const end = await importing([file(clicks(1_049).join('\r\n')), '--url', url, '--batch', '10']);
    t.equal(end.code, 0, end.stdout + end.stderr);
    t.strictSame(sorted(posts), clicks(1_049).sort());
    t.strictSame(
      posts.map(({ lines }) => lines.length).sort((a, b) => a - b),
      [9, ...Array<number>(104).fill(10)],
    );
    t.equal(posts[0]?.headers['content-type'], 'application/x-ndjson');
    t.equal(posts[0]?.headers.authorization, undefined);
    t.equal(posts[0]?.url, '/v1/events');
    t.match(end.figures, { lines: '1,049', accepted: '1,049', rejected: '0' });
    t.ok(connections.count <= 8, 'connections are used again');
  },
);

await t.test(
  '503, 429, 5xx and broken connections are answered with the same bytes until they are taken',
  async (t) => {
    const troubles: ((reply: ServerResponse) => void)[] = [
      (reply) => {
        busy(reply, 503, '0');
      },
      (reply) => reply.destroy(),
      (reply) => {
        busy(reply, 429, new Date(Date.now() - 1000).toUTCString());
      },
      (reply) => {
        reply.writeHead(202, { 'content-type': 'application/json', 'content-length': '500' });
        reply.write('{"accepted":', () => reply.destroy());
      },
      (reply) => {
        send(reply, 500, { title: 'oops' });
      },
      (reply) => {
        busy(reply, 503, '1');
      },
    ];
    const { url, posts } = await peer(t, (posted, reply, nth) => {
      const trouble = troubles[nth];
      if (trouble === undefined) judge(posted, reply);
      else trouble(reply);
    });
    const end = await importing([file(clicks(40).join('\n')), '--url', url, '--batch', '10', '--gzip']);
    t.equal(end.code, 0, end.stdout + end.stderr);
    t.equal(posts.length, 4 + troubles.length);
    t.equal(posts[0]?.headers['content-encoding'], 'gzip');
    t.equal(
      new Set(posts.map(({ body }) => body.toString())).size,
      4,
      'never other bytes than the four batches',
    );
    t.strictSame([...new Set(sorted(posts))], clicks(40).sort());
    t.match(end.figures, { lines: '40', accepted: '40', rejected: '0' });
    t.match(end.stderr, 'trying again: 503 The spool is full');
  },
);

await t.test(
  'rejections are told by the line of the file, blank lines counted, the lowest twenty in order',
  async (t) => {
    const { url } = await peer(t, judge);
    const lines = [
      '\ufeff' + click(1),
      '',
      '{"bad":1}',
      ' \t\r',
      '\ufeff',
      'bad',
      'x'.repeat(1024 * 1024 + 1),
    ];
    for (let line = 8; line <= 60; line += 1) lines.push(line % 2 === 0 ? `bad ${line}` : click(line));
    const end = await importing([file(lines.join('\n')), '--url', url, '--batch', '7', '--concurrency', '4']);
    t.equal(end.code, 1, end.stdout + end.stderr);
    t.match(end.figures, { lines: '57', accepted: '27', rejected: '30' });
    const shown = [...end.stdout.matchAll(/^ {2}line (\d+): (.*)$/gm)];
    t.strictSame(
      shown.map(([, line]) => Number(line)),
      [3, 6, 7, ...Array.from({ length: 17 }, (_, at) => 8 + 2 * at)],
    );
    t.equal(shown[0]?.[2], '/odds_a: is bad\\u001b[31m', 'no control characters reach the terminal');
    t.match(shown[2]?.[2], 'at most 1 MiB');
  },
);

await t.test('gzip is known by its bytes or its name, and a broken file is no end of the file', async (t) => {
  const { url, posts } = await peer(t, judge);
  const half = Math.floor(clicks(3_000).length / 2);
  const members = [clicks(3_000).slice(0, half), clicks(3_000).slice(half)];
  const whole = Buffer.concat(members.map((lines) => gzipSync(`${lines.join('\n')}\n`)));

  t.equal((await importing([file(whole, 'no-suffix'), '--url', url])).code, 0);
  t.strictSame(sorted(posts.splice(0)), clicks(3_000).sort());
  t.equal((await importing(['-', '--url', url], { input: whole })).code, 0, 'from standard input');
  t.strictSame(sorted(posts.splice(0)), clicks(3_000).sort());

  const torn = await importing([file(whole.subarray(0, -20), 'torn.ndjson.gz'), '--url', url]);
  t.equal(torn.code, 2);
  t.match(torn.stdout, /NOT FINISHED: .*torn\.ndjson\.gz cannot be read: unexpected end of file/);
  const misnamed = await importing([file(click(1), 'plain.gz'), '--url', url]);
  t.equal(misnamed.code, 2);
  t.match(misnamed.stdout, /plain\.gz cannot be read: incorrect header check/);
});

await t.test('bodies stay under half of what the service reads, however long the lines are', async (t) => {
  const { url, posts } = await peer(t, judge);
  const long = (id: number): string => `{"type":"call","call_id":"${id}","x":"${'x'.repeat(900_000)}"}`;
  const lines = Array.from({ length: 20 }, (_, id) => long(id));
  const end = await importing([file(lines.join('\n')), '--url', url, '--batch', '10000']);
  t.equal(end.code, 0, end.stdout + end.stderr);
  t.strictSame(sorted(posts), lines.sort());
  t.ok(posts.every(({ body }) => body.length <= 8 * 1024 * 1024));
});

await t.test('--wait counts what became of the events, also where the store took too long', async (t) => {
  const { url, posts } = await peer(t, ({ lines }, reply, nth) => {
    const statuses = lines.map((_, at) => (at === 0 ? 'duplicate' : at === 1 ? 'dead_letter' : 'stored'));
    const answer = { accepted: lines.length, rejected: 0, ids: lines, errors: [] };
    if (nth === 0) send(reply, 202, answer);
    else send(reply, 200, { ...answer, statuses });
  });
  const end = await importing([file(clicks(30).join('\n')), '--url', url, '--batch', '10', '--wait']);
  t.equal(end.code, 0, end.stdout + end.stderr);
  t.equal(posts[0]?.url, '/v1/events?wait=stored');
  t.match(end.figures, { accepted: '30', stored: '16', duplicate: '2', 'dead letter': '2', 'not yet': '10' });
});

await t.test(
  'what no repeating can help ends the import with the reason, and nothing is tried again',
  async (t) => {
    const ids = ['a', 'b', 'c', 'd', null];
    const refusals: [number, unknown, RegExp][] = [
      [401, { title: 'A valid key is needed', status: 401 }, /401 A valid key is needed \(see --key-file/],
      [403, { title: 'The key does not open this' }, /403 The key does not open this/],
      [400, { title: 'The body cannot be read', detail: 'Why.' }, /400 The body cannot be read: Why\./],
      [413, { title: 'The body is too large' }, /413 .*smaller --batch/],
      [422, { title: 'no batch answer' }, /422 no batch answer/],
      [200, { hello: 'world' }, /200 \(is this a call-logger\?\)/],
      [202, { accepted: 1, rejected: 0, ids, errors: [] }, /was sent 5 events and told of 1 accepted/],
      [202, { accepted: 5, rejected: 0, ids: ['a'], errors: [] }, /was sent 5 events/],
      [202, { accepted: 5, rejected: 0, errors: [] }, /answered 202/],
      [207, { accepted: 4, rejected: 1, ids, errors: [{ index: 5, errors: [] }] }, /was sent 5 events/],
    ];
    for (const [status, body, message] of refusals) {
      const reply = { status, retryAfter: '1', text: JSON.stringify(body) };
      t.throws(() => judgeBatch(reply, 5), { name: 'RefusedError', message });
    }

    const { url, posts } = await peer(t, (posted, reply) => {
      const status = posted.url.startsWith('/denied/') ? 401 : 307;
      send(reply, status, { title: 'No' }, { location: '/elsewhere' });
    });
    const events = file(clicks(50).join('\n'));
    const env = { CALL_LOGGER_KEY: KEY };
    const ends = await Promise.all([
      importing([events, '--url', `${url}/denied`, '--batch', '5', '--concurrency', '1'], { env }),
      importing([events, '--url', `${url}/moved/`, '--batch', '5', '--concurrency', '1'], { env }),
    ]);
    t.strictSame(posts.map((posted) => posted.url).sort(), ['/denied/v1/events', '/moved/v1/events']);
    t.ok(posts.every(({ headers }) => headers.authorization === `Bearer ${KEY}`));
    t.match(ends[0].stdout, /NOT FINISHED: the service answered 401 No/);
    t.match(ends[1].stdout, /NOT FINISHED: the service answered 307 No/);
    for (const { code, stdout, stderr, figures } of ends) {
      t.equal(code, 2);
      t.match(stdout, /run the same command again/);
      t.match(figures, { lines: '5', accepted: '0', rejected: '0', 'no answer': '5' });
      t.notMatch(stdout + stderr, KEY);
    }
  },
);

await t.test(
  'without any progress it gives up after the time allowed and says what was in the way',
  async (t) => {
    const { url, posts } = await peer(t, (posted, reply, nth) => {
      if (nth === 0) judge(posted, reply);
      else busy(reply, 503, '3600');
    });
    const events = file(clicks(30).join('\n'));
    const end = await importing([events, '--url', url, '--batch', '10', '--give-up-after', '1']);
    t.equal(end.code, 2);
    t.match(end.stdout, /NOT FINISHED: nothing got through for 1 s; the last reason: 503 The spool is full/);
    t.ok(posts.length <= 3, 'an hour is not over');
    t.match(end.figures, { accepted: '10' });

    const nobody = await importing([events, '--url', 'http://127.0.0.1:1', '--give-up-after', '1']);
    t.equal(nobody.code, 2);
    t.match(nobody.stdout, /NOT FINISHED: .*(ECONNREFUSED|bad port)/);
  },
);

await t.test(
  'a signal lets requests under way finish, ends the waiting, and a second run completes it',
  async (t) => {
    const taken = new Set<string>();
    const held: (() => void)[] = [];
    const phase: { second: boolean; underWay: () => void } = { second: false, underWay: () => undefined };
    const { url, posts } = await peer(t, (posted, reply, nth) => {
      const take = (): void => {
        posted.lines.forEach((line) => taken.add(line));
        judge(posted, reply);
      };
      if (phase.second || nth === 0) {
        take();
      } else if (nth === 1) {
        // Kept waiting for an hour; then the next one is under way when the signal comes.
        busy(reply, 503, '3600');
      } else {
        held.push(take);
        phase.underWay();
      }
    });
    const events = file(clicks(100).join('\n'));
    const started = start([events, '--url', url, '--batch', '10']);
    await new Promise<void>((resolve) => {
      phase.underWay = resolve;
    });
    await started.interrupt();
    held.forEach((take) => {
      take();
    });
    const end = await started.end;
    t.equal(end.code, 2, end.stderr);
    t.match(end.stderr, /Stopping once the requests under way are answered/);
    t.match(end.stdout, /NOT FINISHED: stopped on request/);
    t.match(end.figures, { lines: '30', accepted: '20', 'no answer': '10' });
    t.equal(posts.length, 3, 'nothing new was begun');

    phase.second = true;
    t.equal((await importing([events, '--url', url])).code, 0);
    t.strictSame([...taken].sort(), clicks(100).sort());
  },
);

await t.test('lines without an id of their own are counted, those with any id are not', async (t) => {
  const { app, intake } = testApp();
  t.teardown(() => app.close());
  const call = (changes: Body): string => JSON.stringify(callOf('c', changes));
  const uuid = '01890000-0000-7000-8000-000000000000';
  const anonymous = [
    call({ call_id: undefined }),
    call({ call_id: null, league: uuid }),
    `{"type":"click","call_id":"${uuid}"}`,
    '{"type":"result","call_id":"c","event_id":null,"outcome":"push"}',
  ];
  const named = [
    call({ call_id: uuid }),
    call({ call_id: '\u00e9' }).replace('\u00e9', '\\u00e9'),
    `{"event_id" : "${uuid}", "type":"click","call_id":"c"}`,
    click(1),
  ];
  // A rejected line is none that is stored again.
  const lines = [...anonymous, '{"type":"call"}', ...named];
  const args = [file(lines.join('\n')), '--url', `http://127.0.0.1:${await listen(app)}`, '--batch', '3'];
  const end = await importing(args);
  t.equal(intake.records.length, 8, end.stdout + end.stderr);
  t.match(end.stdout, /WARNING: 4 events have no id of their own/);
});

await t.test('the real door takes a file, and is shown the key of a file', async (t) => {
  const { app, intake } = testApp({ keys: [{ name: 'bot', secret: KEY, scope: 'ingest' }] });
  t.teardown(() => app.close());
  const url = `http://127.0.0.1:${await listen(app)}`;
  const lines = ['not json', ...clicks(2_500), '', '{"type":"click"}'];
  const args = [file(lines.join('\n')), '--url', `${url}/`, '--key-file', file(`${KEY}\n`)];
  const end = await importing(args);
  t.equal(end.code, 1, end.stdout + end.stderr);
  t.equal(intake.records.length, 2_500);
  t.match(end.figures, { lines: '2,502', accepted: '2,500', rejected: '2' });
  t.match(end.stdout, /line 1: /);
  t.match(end.stdout, /line 2503: \/call_id: /);
  t.notMatch(end.stdout, 'WARNING');
});

await t.test('a wrong command line is told, sends nothing and shows no key', async (t) => {
  const secret = file('two words');
  const wrong: [string[], RegExp][] = [
    [[], /name the file/],
    [['a', 'b'], /one file at a time/],
    [['a', '--bach', '3'], /--bach/],
    [['a', '--batch', '10001'], /--batch is a whole number from 1 to 10000/],
    [['a', '--give-up-after', '0'], /--give-up-after is a whole number from 1/],
    [['a', '--url', 'ftp://x'], /--url is the address/],
    [['a', '--url', 'http://me:hunter22@x'], /--url holds a user/],
    [['a', '--url', 'http://x/?a=b'], /--url ends before/],
    [['a', '--key', KEY, '--key-file', secret], /keep one/],
    [['a', '--key-file', secret], /the key is empty or holds more/],
    [['a', '--key-file', '/nowhere'], /--key-file: ENOENT/],
  ];
  for (const [args, message] of wrong) {
    const error = t.throws(() => readOptions(args, () => undefined), UsageError);
    const text = error instanceof Error ? error.message : '';
    t.match(text, message);
    t.notMatch(text, new RegExp(`${KEY}|hunter22|two words`));
  }
  const ends = await Promise.all([
    importing(['a'], { env: { CALL_LOGGER_KEY: KEY, CALL_LOGGER_KEY_FILE: secret } }),
    importing(['a', '--batch']),
    importing(['/nowhere.ndjson']),
    importing([directory]),
  ]);
  for (const end of ends) {
    t.equal(end.code, 2);
    t.equal(end.stdout, '');
    t.notMatch(end.stderr, KEY);
  }
  t.match(ends[0].stderr, /CALL_LOGGER_KEY and CALL_LOGGER_KEY_FILE are both set/);
  t.match(ends[2].stderr, /\/nowhere\.ndjson cannot be read: ENOENT/);
  t.match(ends[3].stderr, /it is a directory/);
  const help = await importing(['--help']);
  t.equal(help.code, 0);
  t.match(help.stdout, /Resuming: run the same command again/);
});

await t.test('Retry-After is seconds or a date, and nothing else', async (t) => {
  const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  t.equal(retryAfterMs('0', nowMs), 0);
  t.equal(retryAfterMs('120', nowMs), 120_000);
  t.equal(retryAfterMs('Fri, 02 Jan 2026 03:04:35 GMT', nowMs), 30_000);
  t.equal(retryAfterMs('Fri, 02 Jan 2026 03:04:00 GMT', nowMs), 0);
  for (const nonsense of ['', '-1', '1.5', 'soon', '2026-01-01'])
    t.equal(retryAfterMs(nonsense, nowMs), null);
  t.equal(retryAfterMs(null, nowMs), null);
});
