import { once } from 'node:events';
import t, { type Test } from 'tap';
import { listen, someCall, type TestApp, testApp } from '../helpers/app.js';
import { RawClient, head } from '../helpers/raw-client.js';

const MIB = 1024 * 1024;
const aCall = JSON.stringify(someCall());
const ndjson = { 'content-type': 'application/x-ndjson' };
const json = { 'content-type': 'application/json' };
const goodRequest = head('/v1/calls', { ...json, 'content-length': aCall.length }) + aCall;

async function house(t: Test, settings: object = {}): Promise<TestApp & { client: () => RawClient }> {
  const built = testApp();
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

t.test('who is too slow gets 408, once', async (t) => {
  const quick = { requestTimeout: 60, headersTimeout: 60, connectionsCheckingInterval: 20 };

  t.test('with its headers', async (t) => {
    const { client } = await house(t, quick);
    const slow = client();
    await slow.send('POST /v1/calls HTTP/1.1\r\n');
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
