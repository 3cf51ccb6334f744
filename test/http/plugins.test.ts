import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { codedError, noCalls, someCall, testApp, unobserved } from '../helpers/app.js';
import { idleUpkeep } from '../helpers/upkeep.js';

const KEY = 'a-secret-of-many-characters';

t.test('request ids', async (t) => {
  t.test(
    'a short printable one of the sender is kept: in the answer, in problems and in the log',
    async (t) => {
      const { app, logged } = testApp();
      const answer = await app.inject({ url: '/nothing', headers: { 'x-request-id': 'trace-1/a' } });
      t.equal(answer.headers['x-request-id'], 'trace-1/a');
      t.match(answer.json(), { request_id: 'trace-1/a' });
      t.match(logged, [{ request_id: 'trace-1/a', route: null, status: 404, problem: 'not_found' }]);
    },
  );

  t.test('any other is replaced, and no two are alike', async (t) => {
    const { app } = testApp();
    const ids = new Set<unknown>();
    for (const given of [undefined, '', 'a b', 'x'.repeat(65), 'ä']) {
      const headers = given === undefined ? {} : { 'x-request-id': given };
      const answer = await app.inject({ url: '/livez', headers });
      t.match(answer.headers['x-request-id'], /^[0-9a-f]{12}-[0-9a-z]+$/);
      ids.add(answer.headers['x-request-id']);
    }
    t.equal(ids.size, 5);
  });
});

t.test('the log has one line per request, with the route and not the URL, and none for probes', async (t) => {
  const { app, logged } = testApp();
  await app.inject({ method: 'POST', url: '/v1/calls/private/clicks?wait=stored' });
  await app.inject('/livez');
  await app.inject('/readyz');
  await app.inject('/metrics');
  t.equal(logged.length, 1);
  t.match(logged[0], { method: 'POST', route: '/v1/calls/:call_id/clicks', status: 202, key: null });
  t.type(logged[0]?.['duration_ms'], 'number');
  t.notMatch(JSON.stringify(logged), /private/);
});

t.test('answers above 1 KiB are gzipped for those who ask for it', async (t) => {
  const groups = Array.from({ length: 500 }, (_, n) => ({ league: `League ${n}`, calls: n }));
  const { app } = testApp({
    statistics: { statistics: async () => ({ groups, groupsFound: 500, total: {} }) },
    metrics: {
      contentType: 'text/plain; version=0.0.4',
      text: async () => 'call_logger_ready 1\n'.repeat(99),
    },
  });
  const stats = '/v1/stats?group_by=league';
  const get = (url: string, encoding?: string, method: 'GET' | 'HEAD' = 'GET') =>
    app.inject({ method, url, headers: encoding === undefined ? {} : { 'accept-encoding': encoding } });

  const plain = await get(stats);
  t.match(plain.headers, { 'content-encoding': undefined, vary: 'Accept-Encoding' });
  for (const encoding of ['identity', 'gzip;q=0', 'br', '', 'gzip;q=0, *', 'identity, gzip;q=0.5']) {
    const answer = await get(stats, encoding);
    t.match(answer.headers, { 'content-encoding': undefined, vary: 'Accept-Encoding' }, encoding);
    t.equal(answer.payload, plain.payload);
  }
  for (const encoding of ['gzip', 'gzip, deflate, br', '*', 'GZIP;q=0.5', 'identity;q=0, *;q=0.1']) {
    const answer = await get(stats, encoding);
    t.match(answer.headers, { 'content-encoding': 'gzip', vary: 'Accept-Encoding' }, encoding);
    t.equal(answer.headers['content-length'], String(answer.rawPayload.length));
    t.ok(answer.rawPayload.length < plain.payload.length / 4);
    t.equal(gunzipSync(answer.rawPayload).toString(), plain.payload);
    t.equal(answer.headers.etag, plain.headers.etag, 'the same content');
    const head = await get(stats, encoding, 'HEAD');
    t.equal(head.payload, '');
    for (const name of ['content-encoding', 'content-length', 'content-type', 'etag', 'vary'])
      t.equal(head.headers[name], answer.headers[name], name);
  }
  for (const url of ['/openapi.json', '/openapi.yaml', '/metrics', '/docs/json']) {
    const answer = await get(url, 'gzip');
    t.equal(answer.headers['content-encoding'], 'gzip', url);
    t.equal(gunzipSync(answer.rawPayload).toString(), (await get(url)).payload, url);
  }
  t.match((await get('/v1/admin/status', 'gzip')).headers, {
    'content-encoding': undefined,
    vary: undefined,
  });

  t.test('problems, too', async (t) => {
    const url = `/v1/calls/c?${Array.from({ length: 50 }, (_, i) => `p${i}=1`).join('&')}`;
    const answer = await get(url, 'gzip');
    t.match(answer.headers, { 'content-encoding': 'gzip', 'content-type': 'application/problem+json' });
    t.match(JSON.parse(gunzipSync(answer.rawPayload).toString()), { status: 400 });
  });

  t.test('some at a time: the others come as they are, and whole', async (t) => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => get(stats, 'gzip')));
    const compressed = answers.filter(({ headers }) => headers['content-encoding'] === 'gzip');
    t.ok(compressed.length >= 4 && compressed.length < 40);
    for (const { headers, rawPayload } of answers) {
      const body = headers['content-encoding'] === 'gzip' ? gunzipSync(rawPayload) : rawPayload;
      t.equal(body.toString(), plain.payload);
      t.equal(headers['content-length'], String(rawPayload.length));
    }
  });

  t.test('but never those to events', async (t) => {
    const events = Array.from({ length: 100 }, (_, n) => ({ type: 'click', call_id: `call-${n}` }));
    const sent = await app.inject({
      method: 'POST',
      url: '/v1/events',
      headers: { 'accept-encoding': 'gzip', 'content-type': 'application/json' },
      payload: { events },
    });
    t.equal(sent.statusCode, 202);
    t.ok(sent.payload.length > 1024);
    t.match(sent.headers, { 'content-encoding': undefined, vary: undefined });
  });
});

t.test('problems', async (t) => {
  t.test('an unexpected error is a 500 that tells nothing, and a log line that tells all', async (t) => {
    const { app, logged } = testApp({
      calls: { ...noCalls, call: async () => Promise.reject(new Error('inner words')) },
    });
    const answer = await app.inject({ url: '/v1/calls/c', headers: { 'x-request-id': 'r1' } });
    t.equal(answer.statusCode, 500);
    t.match(answer.json(), { type: 'urn:call-logger:problem:internal', errors: [] });
    t.notMatch(answer.payload, /inner/);
    t.match(logged[0], { request_id: 'r1', err: { message: 'inner words' } });
  });

  t.test('a database that is away is 503 with Retry-After', async (t) => {
    const call = async () => Promise.reject(codedError('STORE_UNAVAILABLE'));
    const { app } = testApp({ calls: { ...noCalls, call } });
    const answer = await app.inject('/v1/calls/c');
    t.equal(answer.statusCode, 503);
    t.equal(answer.headers['retry-after'], '1');
    t.notMatch(answer.payload, /inner/);
  });

  t.test('an unknown path is 404, and a known one with another method 405 with Allow', async (t) => {
    const { app } = testApp();
    t.equal((await app.inject('/v1/nothing')).statusCode, 404);
    for (const [method, url, allow] of [
      ['DELETE', '/v1/calls', 'GET, HEAD, OPTIONS, POST'],
      ['HEAD', '/v1/exports/calls', 'GET, OPTIONS'],
      ['DELETE', '/v1/calls/x', 'GET, HEAD, OPTIONS'],
      ['PUT', '/v1/calls/x/clicks?a=b', 'OPTIONS, POST'],
      ['POST', '/livez', 'GET, HEAD, OPTIONS'],
      ['POST', '//livez', 'GET, HEAD, OPTIONS'],
      ['DELETE', '/v1//calls/x?a=b', 'GET, HEAD, OPTIONS'],
      ['PUT', '/v1/calls/', 'GET, HEAD, OPTIONS, POST'],
      // Two routes have this path: one of them takes "replay" for an id.
      ['PUT', '/v1/admin/dead-letters/replay', 'DELETE, OPTIONS, POST'],
    ] as const) {
      const answer = await app.inject({ method, url });
      t.equal(answer.statusCode, 405);
      t.equal(answer.headers.allow, allow);
      t.equal(answer.headers['content-type'], 'application/problem+json');
    }
  });

  t.test('many wrong query parameters make a bounded answer', async (t) => {
    const { app } = testApp();
    const url = `/v1/calls/c?${Array.from({ length: 500 }, (_, i) => `p${i}=1`).join('&')}`;
    const answer = await app.inject(url);
    t.equal(answer.statusCode, 400);
    t.equal(answer.json<{ errors: unknown[] }>().errors.length, 20);
  });
});

t.test('OPTIONS tells everybody which methods a path has, and no page of another origin', async (t) => {
  const { app, intake, logged } = testApp({ keys: [{ name: 'bot', secret: KEY, scope: 'ingest' }] });
  for (const [url, allow] of [
    ['/v1/calls', 'GET, HEAD, OPTIONS, POST'],
    ['//v1/calls/?a=b', 'GET, HEAD, OPTIONS, POST'],
    ['/v1/exports/clicks', 'GET, OPTIONS'],
    ['/v1/admin/backups/x', 'DELETE, GET, HEAD, OPTIONS'],
    ['/docs', 'GET, HEAD, OPTIONS'],
  ] as const) {
    const preflight = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    for (const [headers, payload] of [
      [preflight, undefined],
      [{ 'content-type': 'application/json' }, '{}'],
      [{ 'content-type': 'text/csv' }, 'x'.repeat(2_000_000)],
    ] as const) {
      const answer = await app.inject({ method: 'OPTIONS', url, headers, ...(payload && { payload }) });
      t.equal(answer.statusCode, 204, url);
      t.equal(answer.headers.allow, allow);
      t.equal(answer.payload, '');
      t.strictSame(
        Object.keys(answer.headers).filter((name) => name.startsWith('access-control-')),
        [],
      );
    }
  }
  for (const url of ['/nothing', '/v1', '/v1/calls/x/y', '/v1/calls//clicks'])
    t.equal((await app.inject({ method: 'OPTIONS', url })).statusCode, 404, url);
  t.equal(intake.appends, 0);
  t.match(logged[0], { method: 'OPTIONS', route: null, status: 204 });
});

t.test('slashes that come of joining a base and a path', async (t) => {
  const call = { method: 'POST', payload: someCall() } as const;

  t.test('are passed over, by everything that looks at the path', async (t) => {
    const answered: (string | null)[] = [];
    const { app, intake, logged } = testApp({
      keys: [
        { name: 'bot', secret: KEY, scope: 'ingest' },
        { name: 'op', secret: KEY.toUpperCase(), scope: 'admin' },
      ],
      observer: { ...unobserved, requestAnswered: ({ route }) => answered.push(route) },
    });
    const bot = { 'x-api-key': KEY };
    for (const url of [
      '/v1/calls/',
      '//v1/calls',
      '/v1//calls',
      '///v1///calls/?wait=stored',
      '//v1/events',
    ]) {
      const payload = url.endsWith('events') ? [{ type: 'call', ...someCall() }] : someCall();
      t.equal((await app.inject({ ...call, url, payload, headers: bot })).statusCode, 202, url);
      t.equal((await app.inject({ ...call, url, payload })).statusCode, 401, `${url} without a key`);
    }
    t.equal(intake.records.length, 5);
    const clicks = await app.inject({ method: 'POST', url: '//v1/calls/x/clicks/', headers: bot });
    t.match(clicks.json(), { call_id: 'x' });
    for (const url of ['//v1/admin/status', '/v1//admin/status', '/v1/admin/status/?a=b']) {
      t.equal((await app.inject({ url, headers: bot })).statusCode, 403, url);
      t.match((await app.inject({ method: 'HEAD', url })).statusCode, 401, url);
    }
    t.equal((await app.inject('//livez')).statusCode, 200);
    t.equal((await app.inject('//docs//')).statusCode, 404);
    t.equal(
      (await app.inject('//docs/static/index.html')).headers.location,
      '/docs/',
      'a host would be what follows two',
    );
    const routes = ['/v1/calls', '/v1/events', '/v1/calls/:call_id/clicks', '/v1/admin/status', '/livez'];
    t.hasStrict(new Set(logged.map(({ route }) => route)), new Set(routes.slice(0, 4)));
    t.hasStrict(new Set(answered), new Set(routes));
  });

  t.test('are not passed over where an id is missing between them', async (t) => {
    let replayed = 0;
    const upkeep = idleUpkeep({
      replayDeadLetters: async () => {
        replayed++;
        return { replayed: 0, refused: 0 };
      },
    });
    const { app } = testApp({ upkeep });
    for (const [method, url, status] of [
      ['POST', '/v1/calls//clicks', 400],
      ['GET', '/v1/calls//', 400],
      ['POST', '/v1/admin/dead-letters//replay', 404],
      ['DELETE', '/v1/admin/backups/', 404],
      ['DELETE', '/v1/admin/dead-letters/', 404],
    ] as const)
      t.equal((await app.inject({ method, url })).statusCode, status, `${method} ${url}`);
    t.equal(replayed, 0);
  });

  t.test('elsewhere are 404, which names the path that was meant', async (t) => {
    const { app } = testApp();
    for (const [url, meant] of [
      ['/v1/admin//status', '/v1/admin/status'],
      ['/v1/calls/x//clicks?a=b', '/v1/calls/x/clicks'],
      ['/livez/', '/livez'],
      ['/openapi.json//', '/openapi.json'],
    ] as const) {
      const answer = await app.inject(url);
      t.equal(answer.statusCode, 404);
      t.match(answer.json(), { detail: `No route has this path; did you mean ${meant}?` });
    }
    for (const url of ['/v1/', '//', '/nothing//at/all', `/${'/'.repeat(10_000)}x`])
      t.match((await app.inject(url)).json(), { detail: 'No route has this path.' });
  });
});
