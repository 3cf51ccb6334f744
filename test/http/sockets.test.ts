import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import t, { type Test } from 'tap';
import type { AppDeps } from '../../src/http/deps.js';
import { MAX_CONNECTIONS, STALL_MS } from '../../src/http/limits.js';
import { Deferred } from '../../src/lib/deferred.js';
import { listen, noCalls, someCall, someRow, type TestApp, testApp } from '../helpers/app.js';
import { RawClient, head } from '../helpers/raw-client.js';
import { idleUpkeep } from '../helpers/upkeep.js';

const MIB = 1024 * 1024;
const aCall = JSON.stringify(someCall());
const ndjson = { 'content-type': 'application/x-ndjson' };
const json = { 'content-type': 'application/json' };
const goodRequest = head('/v1/calls', { ...json, 'content-length': aCall.length }) + aCall;

async function house(
  t: Test,
  settings: object = {},
  overrides: Partial<AppDeps> = {},
): Promise<TestApp & { client: () => RawClient }> {
  const built = testApp(overrides);
  Object.assign(built.app.server, settings);
  const port = await listen(built.app);
  const clients: RawClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.destroy();
    built.app.server.closeAllConnections();
    await built.app.close();
  });
  const client = () => {
    const made = new RawClient(port);
    clients.push(made);
    return made;
  };
  return { ...built, client };
}

/** Until the server has noticed something that nothing tells us about. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

t.test(
  'a hundred slow uploads of 16 MiB stay inside the budget, and single events still get through',
  async (t) => {
    const { budget, client, intake } = await house(t);
    const piece = Buffer.alloc(64 * 1024, 'x');
    const uploads = Array.from({ length: 100 }, client);
    await Promise.all(
      uploads.map(async (upload) => {
        await upload.send(head('/v1/events', { ...ndjson, 'content-length': 16 * MIB }));
        for (let sent = 0; sent < MIB; sent += piece.length) await upload.send(piece);
      }),
    );
    await eventually(() => budget.usedBytes > 47 * MIB);
    t.ok(budget.peakBytes <= 48 * MIB, `${budget.peakBytes} bytes at most`);

    for (let i = 0; i < 20; i += 1) {
      const honest = client();
      await honest.send(goodRequest);
      t.equal((await honest.answer()).status, 202);
    }
    t.equal(intake.records.length, 20);

    const refused = uploads.filter((upload) => upload.rest !== '');
    t.ok(refused.length > 40, `${refused.length} were refused`);
    const answer = await refused[0]?.answer();
    t.equal(answer?.status, 503);
    t.match(answer?.head, /\r\nretry-after: 1\r\n/);
    t.match(answer?.body, /problem:busy/);

    for (const upload of uploads) upload.destroy();
    await eventually(() => budget.usedBytes === 0);
    t.pass('everything is given back when the sockets are gone');
  },
);

t.test('one-byte chunks cost no more than their bytes', async (t) => {
  const { budget, client } = await house(t);
  const slow = client();
  await slow.send(head('/v1/calls', { ...json, 'transfer-encoding': 'chunked' }));
  await slow.send(Array.from(aCall, (byte) => `1\r\n${byte}\r\n`).join('') + '0\r\n\r\n');
  t.equal((await slow.answer()).status, 202);
  t.ok(budget.peakBytes <= 8192, `${budget.peakBytes} bytes`);
});

t.test('whoever sends a body that is refused early reads the answer afterwards, and can go on', async (t) => {
  for (const [title, headers, body, status] of [
    ['announced too large', { ...ndjson, 'content-length': 17 * MIB }, Buffer.alloc(17 * MIB, 'x'), 413],
    [
      'of a wrong type',
      { 'content-type': 'text/csv', 'content-length': 5 * MIB },
      Buffer.alloc(5 * MIB, 'x'),
      415,
    ],
    ['with too many events', { ...ndjson, 'content-length': 9 * MIB }, Buffer.alloc(9 * MIB, '1\n'), 413],
  ] as const) {
    await t.test(title, async (t) => {
      const { client, budget } = await house(t);
      const upload = client();
      upload.socket.pause();
      await upload.send(head('/v1/events', headers));
      await upload.send(body);
      upload.socket.resume();
      t.equal((await upload.answer()).status, status);
      await upload.send(goodRequest);
      t.equal((await upload.answer()).status, 202);
      t.equal(budget.usedBytes, 0);
    });
  }
});

t.test(
  'a sender that goes away or closes its half in the middle of a body leaves nothing behind',
  async (t) => {
    for (const url of ['/v1/calls', '/v1/events']) {
      for (const leave of ['destroy', 'end'] as const) {
        const { client, budget, intake } = await house(t);
        const half = client();
        await half.send(
          head(url, { ...(url === '/v1/events' ? ndjson : json), 'content-length': 1000 }) +
            aCall.slice(0, 50),
        );
        await eventually(() => budget.usedBytes > 0);
        if (leave === 'destroy') half.destroy();
        else half.socket.end();
        await half.closed;
        await eventually(() => budget.usedBytes === 0);
        if (leave === 'end') t.match(half.rest, /^HTTP\/1\.1 400 .*problem:malformed_request/s);
        t.equal(intake.appends, 0);
        const next = client();
        await next.send(goodRequest);
        t.equal((await next.answer()).status, 202);
      }
    }
  },
);

t.test('what is no HTTP gets a problem and a closed connection', async (t) => {
  for (const [title, bytes, status] of [
    ['a bad Content-Length', head('/v1/calls', { ...json, 'content-length': 'abc' }), 400],
    ['a negative Content-Length', head('/v1/calls', { ...json, 'content-length': -1 }), 400],
    [
      'Content-Length beside chunks',
      head('/v1/calls', { ...json, 'content-length': 5, 'transfer-encoding': 'chunked' }),
      400,
    ],
    ['two Content-Lengths', head('/v1/calls', { 'content-length': 5, 'Content-Length': 6 }), 400],
    ['noise', 'hello\r\n\r\n', 400],
    [
      'a flood of headers',
      head(
        '/v1/calls',
        Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`x-${i}`, 'y'.repeat(100)])),
      ),
      431,
    ],
    ['a flood of one header', head('/v1/calls', { cookie: 'y'.repeat(1024 * 1024) }), 431],
  ] as const) {
    await t.test(title, async (t) => {
      const { client } = await house(t);
      const bad = client();
      await bad.send(bytes);
      const answer = await bad.answer();
      t.equal(answer.status, status);
      t.match(answer.head, /\r\ncontent-type: application\/problem\+json\r\n/);
      t.match(answer.head, /\r\nconnection: close/);
      t.match(JSON.parse(answer.body), { status, request_id: /.+/, errors: [] });
      await bad.closed;
    });
  }
});

t.test('what is no HTTP behind good requests is answered after them', async (t) => {
  const { client, intake } = await house(t);
  for (const noise of ['hello\r\n\r\n', aCall, 'GET / HTTP/1.1\r\nhost : x\r\n\r\n']) {
    const bad = client();
    await bad.send(goodRequest + goodRequest + noise);
    const statuses = [await bad.answer(), await bad.answer(), await bad.answer()].map(({ status }) => status);
    t.strictSame(statuses, [202, 202, 400]);
    await bad.closed;
    t.equal(bad.rest, '', 'once');
  }
  t.equal(intake.records.length, 6);
});

t.test('what is no HTTP in the packet of the last bytes of a refused body is answered, too', async (t) => {
  const { client } = await house(t);
  for (const noise of ['hello\r\n\r\n', 'GET /\xe2\x98\xba HTTP/9.9\r\n\r\n']) {
    const bad = client();
    await bad.send(head('/v1/calls', { ...json, 'content-length': 2 * MIB }) + 'x'.repeat(2 * MIB - 10));
    t.equal((await bad.answer()).status, 413);
    await bad.send('x'.repeat(10) + noise);
    t.equal((await bad.answer()).status, 400);
    await bad.closed;
  }
});

t.test('what node would refuse by itself comes to the door', async (t) => {
  const { client } = await house(t);
  t.test('a request without a host is refused with a problem', async (t) => {
    const hostless = client();
    await hostless.send('GET /livez HTTP/1.1\r\n\r\n');
    const { status, body } = await hostless.answer();
    t.equal(status, 400);
    t.match(JSON.parse(body), { type: 'urn:call-logger:problem:malformed_request', request_id: /.+/ });
    await hostless.send(goodRequest);
    t.equal((await hostless.answer()).status, 202);
    const old = client();
    await old.send('GET /livez HTTP/1.0\r\n\r\n');
    t.equal((await old.answer()).status, 200, 'HTTP/1.0 knows none');
  });
  t.test('an expectation nobody knows is passed over', async (t) => {
    const expecting = client();
    await expecting.send(head('/v1/calls', { ...json, 'content-length': aCall.length, expect: 'x' }) + aCall);
    t.equal((await expecting.answer()).status, 202);
  });
  t.test('a QUERY is a method like others', async (t) => {
    const asking = client();
    await asking.send('QUERY /v1/calls HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const known = await asking.answer();
    t.equal(known.status, 405);
    t.match(known.head, /\r\nallow: get, head, options, post\r\n/);
    await asking.send('QUERY /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n');
    t.equal((await asking.answer()).status, 404);
  });
  t.test('where nothing is, neither a content type nor a fragment makes a difference', async (t) => {
    const lost = client();
    for (const [path, type] of [
      ['/nothing', 'a, b'],
      ['/v1/calls/#/result', 'application/json'],
      ['/v1/calls/x/y/clicks', ';'],
    ] as const) {
      await lost.send(head(path, { 'content-type': type, 'content-length': 2 }) + '{}');
      t.equal((await lost.answer()).status, 404, path);
    }
  });
  t.test('an asterisk stands for all paths, and OPTIONS alone may ask about it', async (t) => {
    const asking = client();
    await asking.send('OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const all = await asking.answer();
    t.equal(all.status, 204);
    t.match(all.head, /\r\nallow: delete, get, head, options, post\r\n/);
    await asking.send('PUT * HTTP/1.1\r\nhost: localhost\r\n\r\n');
    t.equal((await asking.answer()).status, 404);
  });
  t.test('an absolute target is its path', async (t) => {
    const asking = client();
    for (const [line, status] of [
      ['GET http://localhost/v1/calls', 200],
      ['GET HTTP://127.0.0.1:3000//v1/calls/?limit=1', 200],
      ['PUT http://localhost/v1/calls', 405],
      ['OPTIONS http://localhost/v1/calls', 204],
      ['GET http://localhost/nothing', 404],
      ['GET http://localhost', 404],
      ['GET http://localhost?a=/v1/calls', 404],
      ['GET ftp://localhost/v1/calls', 400],
    ] as const) {
      await asking.send(`${line} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      t.equal((await asking.answer()).status, status, line);
    }
  });
  t.test('a file of the docs page that climbs out of its folder is not found', async (t) => {
    const climbing = client();
    for (const name of ['..', '../package.json', '%2e%2e/package.json', '%00']) {
      await climbing.send(`GET /docs/static/${name} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
      t.equal((await climbing.answer()).status, 404, name);
    }
  });
});

t.test('who is too slow gets 408, once', async (t) => {
  const quick = { requestTimeout: 60, headersTimeout: 60, connectionsCheckingInterval: 20 };

  t.test('with its headers', async (t) => {
    const { client } = await house(t, quick);
    const slow = client();
    await slow.send('POST /v1/calls HTTP/1.1\r\n');
    t.equal((await slow.answer()).status, 408);
    await slow.closed;
  });

  t.test('with its first byte', async (t) => {
    const { client } = await house(t, quick);
    const silent = client();
    t.equal((await silent.answer()).status, 408);
    await silent.closed;
  });

  t.test('with the headers of a later request', async (t) => {
    const { client } = await house(t, { ...quick, keepAliveTimeout: 60_000 });
    const slow = client();
    await slow.send(goodRequest);
    t.equal((await slow.answer()).status, 202);
    await slow.send('POST /v1/calls HTTP/1.1\r\n');
    t.equal((await slow.answer()).status, 408);
    await slow.closed;
  });

  t.test('byte by byte, too', async (t) => {
    const { client } = await house(t, quick);
    const slow = client();
    await slow.send('POST /v1/calls HTTP/1.1\r\nx-slow: ');
    const trickle = setInterval(() => void slow.send('x'), 5);
    t.teardown(() => {
      clearInterval(trickle);
    });
    t.equal((await slow.answer()).status, 408);
    await slow.closed;
  });

  t.test('with its body', async (t) => {
    const { client, budget } = await house(t, quick);
    const slow = client();
    await slow.send(head('/v1/calls', { ...json, 'content-length': 100 }) + '{');
    t.equal((await slow.answer()).status, 408);
    await slow.closed;
    await eventually(() => budget.usedBytes === 0);
  });

  t.test('but not on top of the answer it already has', async (t) => {
    const { client } = await house(t, quick);
    const slow = client();
    await slow.send(head('/v1/calls', { ...json, 'content-length': 2 * MIB }) + '{');
    t.equal((await slow.answer()).status, 413);
    await slow.closed;
    t.equal(slow.rest, '');
  });
});

t.test('a door has all its limits', async (t) => {
  const { app } = await house(t);
  t.match(app.server, {
    headersTimeout: 10_000,
    requestTimeout: 30_000,
    keepAliveTimeout: 72_000,
    timeout: STALL_MS,
    maxConnections: MAX_CONNECTIONS,
  });
});

t.test('a connection that is kept and not used is closed in the end', async (t) => {
  const { client } = await house(t, { keepAliveTimeout: 30 });
  const idle = client();
  await idle.send(goodRequest);
  t.equal((await idle.answer()).status, 202);
  await idle.closed;
  t.equal(idle.rest, '', 'without a word');
});

t.test('beyond the limit connections are closed at once, and taken again when one ends', async (t) => {
  const { app, client, logged } = await house(t, { maxConnections: 2 });
  const accepted: Socket[] = [];
  app.server.on('connection', (socket: Socket) => accepted.push(socket));
  const [first, second] = [client(), client()];
  for (const one of [first, second]) {
    await one.send(goodRequest);
    t.equal((await one.answer()).status, 202);
  }
  for (const surplus of [client(), client(), client()]) {
    await surplus.closed;
    t.equal(surplus.rest, '');
  }
  t.match(
    logged.filter(({ level }) => level === 40),
    [{ connections: 2, msg: 'no more connections are taken' }],
    'told once',
  );
  await first.send(goodRequest);
  t.equal((await first.answer()).status, 202, 'those that are there are served');
  const left = accepted.map((socket) => once(socket, 'close'));
  second.destroy();
  await Promise.race(left);
  const next = client();
  await next.send(goodRequest);
  t.equal((await next.answer()).status, 202);
});

/** A GET, or many of them at once. */
const get = (url: string, times = 1): string =>
  `GET ${url} HTTP/1.1\r\nhost: localhost\r\n\r\n`.repeat(times);

t.test('who does not read the answer is cut off', async (t) => {
  t.test('in the middle of the download of a backup, whose file is closed', async (t) => {
    const closed = new Deferred<undefined>();
    const file = new Readable({
      read() {
        this.push(Buffer.alloc(64 * 1024));
      },
      destroy: (_error, done) => {
        closed.resolve(undefined);
        done(null);
      },
    });
    const upkeep = idleUpkeep({
      openBackup: async () => ({
        fileName: 'b.sql.gz',
        bytes: 2 ** 40,
        sha256: 'ab'.repeat(32),
        read: async () => file,
      }),
    });
    const { client, logged } = await house(t, { timeout: 50 }, { upkeep });
    const stalled = client();
    stalled.socket.pause();
    await stalled.send(get('/v1/admin/backups/20261120T181500Z-5f0c9a1e/download'));
    await closed.promise;
    t.match(logged.at(-1), { level: 30, route: /download$/, request_id: /./, msg: 'answer left unread' });
  });

  for (const [what, url, times] of [
    ['a page of calls', '/v1/calls', 16],
    ['the description of the API', '/openapi.json', 200],
  ] as const) {
    t.test(`before ${what}`, async (t) => {
      const page = Array.from({ length: 100 }, () => ({ ...someRow, raw: { text: 'x'.repeat(10_000) } }));
      const calls = { ...noCalls, calls: async () => page };
      const { app, client } = await house(t, { timeout: 50 }, { calls });
      const ended = once(app.server, 'connection').then(([socket]: Socket[]) => once(socket ?? t, 'close'));
      const stalled = client();
      stalled.socket.pause();
      await stalled.send(get(url, times));
      await ended;
      t.pass('the connection is gone, and what it held');
    });
  }
});

t.test('who waits for an answer that takes its time is not cut off', async (t) => {
  const slow = new Deferred<null>();
  const { app, client } = await house(
    t,
    { timeout: 20 },
    { calls: { ...noCalls, call: () => slow.promise } },
  );
  const timeout = once(app.server, 'connection').then(([socket]: Socket[]) => once(socket ?? t, 'timeout'));
  const patient = client();
  await patient.send(get('/v1/calls/x'));
  await timeout;
  slow.resolve(null);
  t.equal((await patient.answer()).status, 404);
});

t.test(
  'while closing, a request on an open connection is served and the connection then closed',
  async (t) => {
    const { app, client } = await house(t);
    const open = client();
    await open.send(goodRequest);
    t.equal((await open.answer()).status, 202);
    await open.send(goodRequest.slice(0, -5));
    await once(app.server, 'request');
    const closing = app.close();
    await open.send(goodRequest.slice(-5));
    t.equal((await open.answer()).status, 202);
    await open.closed;
    await closing;
  },
);
