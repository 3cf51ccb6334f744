import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import type { AppDeps } from '../../src/http/deps.js';
import { MANIFESTS_KEPT } from '../../src/http/limits.js';
import { acceptsGzip } from '../../src/http/accept-encoding.js';
import { finished, newManifest } from '../../src/http/routes/exports/new-manifest.js';
import { Manifests } from '../../src/http/routes/exports/manifests.js';
import type { ExportManifest } from '../../src/http/schemas/exports.js';
import { Deferred } from '../../src/lib/deferred.js';
import { listen, someExport, testApp, type TestApp } from '../helpers/app.js';
import { RawClient } from '../helpers/raw-client.js';

const MIB = 1024 * 1024;

type Open = AppDeps['exports']['openExport'];
type ExportQuestion = Parameters<Open>[0];

interface House extends TestApp {
  readonly port: number;
  readonly asked: ExportQuestion[];
  readonly manifest: (id: string) => Promise<ExportManifest>;
  /** The manifest of the first export, once it no longer runs. */
  readonly verdict: () => Promise<ExportManifest>;
}

/** A door on a real socket, with exports as `open` makes them. */
async function house(
  t: Test,
  open: Open = async () => someExport(),
  overrides: Partial<AppDeps> = {},
  stallMs = 60_000,
): Promise<House> {
  const asked: ExportQuestion[] = [];
  const exports = {
    openExport: async (question: ExportQuestion, signal: AbortSignal) => {
      asked.push(question);
      return open(question, signal);
    },
  };
  const built = testApp({ exports, ...overrides }, undefined, stallMs);
  const port = await listen(built.app);
  t.teardown(async () => {
    built.app.server.closeAllConnections();
    await built.app.close();
  });
  const manifest = async (id: string) =>
    (await built.app.inject(`/v1/exports/manifests/${id}`)).json<ExportManifest>();
  const verdict = async (): Promise<ExportManifest> => {
    for (;;) {
      const line = built.logged.find(isExport);
      if (line !== undefined) return manifest(String(line['export_id']));
      await new Promise(setImmediate);
    }
  };
  return { ...built, port, asked, manifest, verdict };
}

const isExport = (line: object): boolean => 'export_id' in line;

interface Received {
  readonly answer: IncomingMessage;
  readonly body: Buffer;
}

async function receive(port: number, path: string, headers: Record<string, string> = {}): Promise<Received> {
  const [answer] = (await once(get({ port, host: '127.0.0.1', path, headers }), 'response')) as [
    IncomingMessage,
  ];
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return { answer, body: Buffer.concat(chunks) };
}

/** Not to be compressed: the window of gzip is smaller. */
const NOISE = randomBytes(64 * 1024);

/** A body of so many bytes, made only when somebody reads. */
function bodyOf(totalBytes: number, piece = NOISE): { readonly body: Readable; readonly made: () => number } {
  let made = 0;
  const body = new Readable({
    read() {
      if (made >= totalBytes) {
        this.push(null);
        return;
      }
      made += piece.length;
      this.push(piece);
    },
  });
  return { body, made: () => made };
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const CSV = 'call_id,label_clicks\na,1\nb,2\n';

t.test('an export says what it is before its first byte, and its checksum after the last', async (t) => {
  const { port, asked, manifest } = await house(t);
  for (const [path, fileName, type] of [
    ['calls?as_of=2025-10-23', 'calls-20251023T000000Z.csv', 'text/csv; charset=utf-8; header=present'],
    [
      'clicks?format=ndjson&as_of=2025-10-23T02:30:15.250731%2B02:00',
      'clicks-20251023T003015Z.ndjson',
      'application/x-ndjson',
    ],
    [
      'calls?as_of=2025-10-23&format=parquet',
      'calls-20251023T000000Z.parquet',
      'application/vnd.apache.parquet',
    ],
  ] as const) {
    const { answer, body } = await receive(port, `/v1/exports/${path}`);
    const { headers, trailers } = answer;
    t.equal(answer.statusCode, 200);
    t.equal(headers['content-type'], type);
    t.equal(headers['content-disposition'], `attachment; filename="call-logger-${fileName}"`);
    t.equal(headers['cache-control'], 'no-store');
    t.equal(headers['x-export-rows'], '2');
    t.ok(headers['x-request-id']);
    t.equal(headers['content-encoding'], undefined);
    t.equal(headers['trailer'], 'X-Export-Sha256');
    t.equal(body.toString(), CSV);
    t.equal(trailers['x-export-sha256'], sha256(body));
    const id = String(headers['x-export-id']);
    t.equal(headers['link'], `</v1/exports/manifests/${id}>; rel="describedby"`);
    t.match(await manifest(id), { state: 'complete', sha256: sha256(body), bytes: body.length, rows: 2 });
  }
  t.match(asked, [
    { subject: 'calls', format: 'csv', asOf: '2025-10-23T00:00:00.000000Z' },
    { subject: 'clicks', format: 'ndjson', asOf: '2025-10-23T00:30:15.250731Z' },
    { subject: 'calls', format: 'parquet' },
  ]);
  const { answer } = await receive(port, '/v1/exports/calls');
  t.match(answer.headers['content-disposition'], /"call-logger-calls-\d{8}T\d{6}Z\.csv"/);
  t.equal(asked[3]?.asOf, undefined);
});

t.test('an export that cannot be meant is a 400, and nothing is opened', async (t) => {
  const { app, asked } = await house(t);
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  for (const [query, pointer, code, message] of [
    ['format=xlsx', 'query:format', 'not_allowed', /csv, ndjson, parquet/],
    ['format=csv&format=csv', 'query:format', 'wrong_type', /once/],
    [`as_of=${tomorrow}`, 'query:as_of', 'in_future', /future/],
    ['as_of=9999-12-31', 'query:as_of', 'in_future', /future/],
    ['as_of=now', 'query:as_of', 'invalid_time', /"now"/],
    ['limit=5', 'query:limit', 'unknown_field', /known: format, as_of, call_type/],
    ['asof=2025-10-23', 'query:asof', 'unknown_field', /did you mean as_of\?/],
  ] as const) {
    for (const subject of ['calls', 'clicks']) {
      const answer = await app.inject(`/v1/exports/${subject}?${query}`);
      t.equal(answer.statusCode, 400, query);
      t.match(answer.json(), { errors: [{ pointer, code, message }] });
    }
  }
  t.equal((await app.inject('/v1/exports/results')).statusCode, 404);
  t.equal((await app.inject({ method: 'HEAD', url: '/v1/exports/calls' })).statusCode, 405);
  t.strictSame(asked, []);
});

t.test('gzip', async (t) => {
  t.test('is used where the client takes it, and the checksum is that of what was inside', async (t) => {
    const { port } = await house(t, async () =>
      someExport({ body: bodyOf(3 * MIB, Buffer.alloc(MIB, 'call-logger ')).body }),
    );
    const { answer, body } = await receive(port, '/v1/exports/calls', { 'accept-encoding': 'gzip, br' });
    t.equal(answer.headers['content-encoding'], 'gzip');
    t.equal(answer.headers['vary'], 'Accept-Encoding');
    t.ok(body.length < MIB);
    const inside = gunzipSync(body);
    t.equal(inside.length, 3 * MIB);
    t.equal(answer.trailers['x-export-sha256'], sha256(inside));

    const plain = await receive(port, '/v1/exports/calls', { 'accept-encoding': 'gzip;q=0' });
    t.equal(plain.answer.headers['content-encoding'], undefined);
    t.equal(plain.answer.headers['vary'], 'Accept-Encoding');
  });

  t.test('is not put around parquet, which is compressed inside', async (t) => {
    const { port } = await house(t);
    const { answer, body } = await receive(port, '/v1/exports/calls?format=parquet', {
      'accept-encoding': 'gzip',
    });
    t.equal(answer.headers['content-encoding'], undefined);
    t.equal(answer.headers['vary'], undefined);
    t.equal(body.toString(), CSV);
  });

  t.test('is a matter of weights', async (t) => {
    for (const [header, expected] of [
      [undefined, false],
      ['', false],
      ['identity', false],
      ['br, zstd', false],
      ['gzip', true],
      ['GZip', true],
      ['x-gzip', true],
      ['br;q=1.0, gzip;q=0.8, *;q=0.1', true],
      ['*', true],
      ['*;q=0', false],
      ['gzip;q=0, *', false],
      ['gzip; q=0.001', true],
      ['gzip;q=0.000', false],
      ['identity, gzip', true],
      ['identity;q=1, gzip;q=0.5', false],
      ['identity;q=0.2 , gzip;q=0.5', true],
      ['gzip;q=often', false],
    ] as const) {
      t.equal(acceptsGzip(header), expected, String(header));
    }
  });
});

t.test('a client that stops reading stops the source, and one that goes on gets everything', async (t) => {
  const { body, made } = bodyOf(64 * MIB);
  const { port, app, verdict } = await house(t, async () => someExport({ body }));
  const responded = once(app.server, 'request') as Promise<[unknown, ServerResponse]>;
  const [answer] = (await once(get({ port, host: '127.0.0.1', path: '/v1/exports/calls' }), 'response')) as [
    IncomingMessage,
  ];
  const [, response] = await responded;
  while (!response.writableNeedDrain || body.readableLength === 0) await new Promise(setImmediate);
  t.ok(made() < 32 * MIB, `${made() / MIB} MiB were made for a client that reads nothing`);

  const hash = createHash('sha256');
  for await (const chunk of answer) hash.update(chunk as Buffer);
  t.equal(made(), 64 * MIB);
  t.equal(answer.trailers['x-export-sha256'], hash.digest('hex'));
  t.match(await verdict(), { state: 'complete', bytes: 64 * MIB });
});

t.test('a client that reads nothing for too long is cut off, and the source ended', async (t) => {
  for (const encoding of ['identity', 'gzip']) {
    const { body, made } = bodyOf(1024 * MIB);
    const { port, verdict, logged } = await house(t, async () => someExport({ body }), {}, 200);
    const idle = new RawClient(port);
    idle.socket.pause();
    await idle.send(
      `GET /v1/exports/calls HTTP/1.1\r\nhost: localhost\r\naccept-encoding: ${encoding}\r\n\r\n`,
    );
    t.match(await verdict(), {
      state: 'failed',
      error: 'the client stopped reading',
      sha256: null,
      bytes: null,
      finished_at: /Z$/,
    });
    t.ok(body.destroyed);
    t.ok(made() < 64 * MIB, `${made() / MIB} MiB were made`);
    t.match(logged.find(isExport), { reason: 'client_stalled' });
    idle.destroy();
  }
});

t.test('a source that takes its time is waited for', async (t) => {
  const pieces = ['call_id\n', 'a\n', 'b\n'];
  const body = new Readable({
    read() {
      setTimeout(() => this.push(pieces.shift() ?? null), 150);
    },
  });
  const { port } = await house(t, async () => someExport({ body }), {}, 50);
  t.equal((await receive(port, '/v1/exports/calls')).body.toString(), 'call_id\na\nb\n');
});

t.test('a client that goes away ends the source', async (t) => {
  t.test('in the middle of the body', async (t) => {
    for (const encoding of ['identity', 'gzip']) {
      const { body } = bodyOf(Infinity);
      const { port, verdict, logged } = await house(t, async () => someExport({ body }));
      const leaving = new RawClient(port);
      await leaving.send(
        `GET /v1/exports/calls HTTP/1.1\r\nhost: localhost\r\naccept-encoding: ${encoding}\r\n\r\n`,
      );
      await once(leaving.socket, 'data');
      leaving.destroy();
      t.match(await verdict(), { state: 'failed', error: 'the client closed the connection' });
      t.ok(body.destroyed);
      t.match(logged.find(isExport), { reason: 'client_gone' });
    }
  });

  t.test('while the source waits', async (t) => {
    const body = new Readable({ read: () => undefined });
    body.push('call_id\n');
    const { port, verdict } = await house(t, async () => someExport({ body }));
    const leaving = new RawClient(port);
    await leaving.send('GET /v1/exports/calls HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await once(leaving.socket, 'data');
    leaving.destroy();
    t.match(await verdict(), { state: 'failed', error: 'the client closed the connection' });
    t.ok(body.destroyed);
  });

  t.test('before the source was open', async (t) => {
    const { body } = bodyOf(Infinity);
    const opening = new Deferred<undefined>();
    let told: AbortSignal | undefined;
    const { port, app, verdict } = await house(t, async (_question, signal) => {
      told = signal;
      await opening.promise;
      return someExport({ body });
    });
    const responded = once(app.server, 'request') as Promise<[unknown, ServerResponse]>;
    const leaving = new RawClient(port);
    await leaving.send('GET /v1/exports/calls HTTP/1.1\r\nhost: localhost\r\n\r\n');
    const [, response] = await responded;
    leaving.destroy();
    await once(response, 'close');
    t.ok(told?.aborted, 'who opens it can stop');
    opening.resolve(undefined);
    if (!body.closed) await once(body, 'close').catch(() => undefined);
    t.match(await verdict(), { state: 'failed', error: 'the client closed the connection' });
    t.ok(body.destroyed);
  });
});

t.test('a source that fails never looks like one that ended', async (t) => {
  const failing = () => {
    let pieces = 3;
    return new Readable({
      read() {
        if (pieces-- > 0) this.push('a,1\n'.repeat(1000));
        else this.destroy(new Error('inner words'));
      },
    });
  };

  t.test('to a client of HTTP/1.1, with or without compression', async (t) => {
    for (const encoding of ['identity', 'gzip']) {
      const { port, verdict, logged } = await house(t, async () => someExport({ body: failing() }));
      await t.rejects(receive(port, '/v1/exports/calls', { 'accept-encoding': encoding }));
      const manifest = await verdict();
      t.match(manifest, { state: 'failed', error: 'the rows could not be read to their end', sha256: null });
      t.notMatch(JSON.stringify(manifest), /inner/);
      t.match(logged.find(isExport), { msg: 'export failed', err: { message: 'inner words' } });
    }
  });

  t.test('to one of HTTP/1.0, who knows no chunks: the connection is reset', async (t) => {
    const body = new Readable({ read: () => undefined });
    const { port } = await house(t, async () => someExport({ body }));
    const old = new RawClient(port);
    const reset = once(old.socket, 'error') as Promise<[Error]>;
    await old.send('GET /v1/exports/calls HTTP/1.0\r\n\r\n');
    body.push('a,1\n');
    while (!old.rest.endsWith('a,1\n')) await once(old.socket, 'data');
    body.destroy(new Error('inner words'));
    t.match(await reset, [{ code: 'ECONNRESET' }]);
  });

  t.test('and a whole one comes without chunks and trailers then', async (t) => {
    const { port, verdict } = await house(t);
    const old = new RawClient(port);
    await old.send('GET /v1/exports/calls HTTP/1.0\r\n\r\n');
    await old.closed;
    const [head = '', body] = old.rest.split('\r\n\r\n');
    t.notMatch(head, /trailer|transfer-encoding/i);
    t.equal(body, CSV);
    t.match(await verdict(), { state: 'complete', sha256: sha256(Buffer.from(CSV)) });
    old.destroy();
  });
});

t.test('a connection can be used again after an export', async (t) => {
  const { port } = await house(t, undefined, {}, 50);
  const client = new RawClient(port);
  const request = 'GET /v1/exports/calls HTTP/1.1\r\nhost: localhost\r\n\r\n';
  await client.send(
    request + request + 'GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
  );
  await client.closed;
  t.equal(client.rest.match(/HTTP\/1\.1 200/g)?.length, 3);
  client.destroy();
});

t.test('a manifest', async (t) => {
  t.test('tells what was asked and what there is, while the export runs and afterwards', async (t) => {
    const body = new Readable({ read: () => undefined });
    const { port, manifest, app } = await house(t, async () => someExport({ body }));
    const path =
      '/v1/exports/calls?call_type=middle&min_roi=0.1&from=2025-10-01&to=2025-10-22T02:00:00%2B02:00';
    const asking = get({ port, host: '127.0.0.1', path: `${path}&as_of=2025-10-23` });
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    const id = String(answer.headers['x-export-id']);
    const running = await manifest(id);
    t.match(running.created_at, /^20\d\d-.*\.\d{6}Z$/);
    const { created_at } = running;
    const expected = {
      id,
      state: 'running',
      error: null,
      subject: 'calls',
      format: 'csv',
      file_name: 'call-logger-calls-20251023T000000Z.csv',
      created_at,
      finished_at: null,
      as_of: '2025-10-23T00:00:00.000000Z',
      filters: {
        call_type: 'middle',
        min_roi: 0.1,
        from: '2025-10-01T00:00:00.000000Z',
        to: '2025-10-22T00:00:00.000000Z',
      },
      rows: 2,
      bytes: null,
      sha256: null,
      first_sent_at: '2025-08-17T10:00:00.123456Z',
      last_sent_at: '2025-08-18T10:00:00.000000Z',
      oldest_spooled_at: null,
      columns: someExport().columns,
    };
    t.strictSame({ ...running, oldest_spooled_at: null }, expected);

    body.push(CSV);
    body.push(null);
    await once(answer.resume(), 'end');
    t.match(await manifest(id), {
      ...expected,
      oldest_spooled_at: /Z$/,
      state: 'complete',
      bytes: CSV.length,
      sha256: sha256(Buffer.from(CSV)),
      finished_at: /Z$/,
    });
    t.equal((await app.inject(`/v1/exports/manifests/${id}?x=1`)).statusCode, 400);
  });

  t.test('tells since when events wait on the spool', async (t) => {
    const { app } = testApp();
    const before = Date.now();
    const answer = await app.inject('/v1/exports/calls');
    const manifest = (
      await app.inject(`/v1/exports/manifests/${String(answer.headers['x-export-id'])}`)
    ).json<ExportManifest>();
    const spooledMs = Date.parse(manifest.oldest_spooled_at ?? '');
    t.ok(spooledMs >= before - 250 && spooledMs <= Date.now() - 250, 'a quarter of a second before it began');
  });

  t.test('that is not kept is a 404', async (t) => {
    const { app } = testApp();
    for (const id of ['x', '019a0a3e-6c1d-7000-9c3b-2f5d8e1b7a60', '__proto__']) {
      const answer = await app.inject(`/v1/exports/manifests/${id}`);
      t.equal(answer.statusCode, 404);
      t.match(answer.json(), { type: 'urn:call-logger:problem:manifest_not_found' });
    }
  });

  t.test('is kept for the last 256 exports, and in any case while the export runs', async (t) => {
    const manifests = new Manifests();
    const make = () => newManifest({ subject: 'calls', format: 'csv', filters: {} }, someExport(), null);
    const running = make();
    manifests.keep(running);
    const done = Array.from({ length: MANIFESTS_KEPT + 10 }, make).map((manifest) =>
      finished(manifest, { whole: true, bytes: 1, sha256: 'ab' }),
    );
    for (const manifest of done) manifests.keep(manifest);
    t.equal(manifests.get(running.id), running);
    t.equal(manifests.get(done[10]?.id ?? ''), undefined);
    t.equal(manifests.get(done[11]?.id ?? ''), done[11]);
    t.equal(manifests.get(done.at(-1)?.id ?? ''), done.at(-1));
  });
});
