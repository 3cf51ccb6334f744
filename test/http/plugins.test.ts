import t from 'tap';
import type { SenderKey } from '../../src/config/keys.js';
import { codedError, noCalls, someCall, testApp } from '../helpers/app.js';

const secrets = { ingest: 'ingest-secret-0001', read: 'read-secret-000002', admin: 'admin-secret-00003' };
const keys: SenderKey[] = [
  { name: 'bot', secret: secrets.ingest, scope: 'ingest' },
  { name: 'analyst', secret: secrets.read, scope: 'read' },
  { name: 'operator', secret: secrets.admin, scope: 'admin' },
];

const routes = [
  { scope: 'ingest', method: 'POST', url: '/v1/calls', fine: 202 },
  { scope: 'ingest', method: 'POST', url: '/v1/events', fine: 202 },
  { scope: 'ingest', method: 'POST', url: '/v1/calls/c/clicks', fine: 202 },
  { scope: 'read', method: 'GET', url: '/v1/calls', fine: 200 },
  { scope: 'read', method: 'GET', url: '/v1/calls/c', fine: 404 },
  { scope: 'read', method: 'GET', url: '/v1/stats?group_by=sport', fine: 200 },
  { scope: 'read', method: 'GET', url: '/v1/exports/calls', fine: 200 },
  { scope: 'read', method: 'GET', url: '/v1/exports/clicks', fine: 200 },
  { scope: 'read', method: 'GET', url: '/v1/exports/manifests/e', fine: 404 },
  { scope: 'admin', method: 'GET', url: '/v1/admin/status', fine: 200 },
  { scope: 'admin', method: 'POST', url: '/v1/admin/flush', fine: 200 },
] as const;

t.test('keys', async (t) => {
  const { app, logged } = testApp({ keys });
  const ask = async (
    { method, url }: { method: 'GET' | 'POST'; url: string },
    headers: Record<string, string>,
  ) => {
    const { call_id, ...fields } = someCall();
    const payload = url.endsWith('calls') ? { call_id, ...fields } : { type: 'call', ...fields };
    const needsBody = method === 'POST' && (url === '/v1/calls' || url === '/v1/events');
    return app.inject({ method, url, headers, ...(needsBody ? { payload } : {}) });
  };

  t.test('each opens its own scope, an admin key all, in either header', async (t) => {
    for (const route of routes) {
      for (const scope of ['ingest', 'read', 'admin'] as const) {
        for (const headers of [
          { authorization: `Bearer ${secrets[scope]}` },
          { 'x-api-key': secrets[scope] },
        ]) {
          const answer = await ask(route, headers);
          const opens = scope === 'admin' || scope === route.scope;
          t.equal(answer.statusCode, opens ? route.fine : 403, `${scope} on ${route.method} ${route.url}`);
        }
      }
    }
  });

  t.test('without a known one the answer is 401 and says how to send one', async (t) => {
    for (const headers of [
      {},
      { authorization: '' },
      { authorization: `Basic ${secrets.admin}` },
      { authorization: `Bearer ${secrets.admin}x` },
      { authorization: `Bearer ${secrets.admin} x` },
      { 'x-api-key': 'operator' },
      { 'x-api-key': '' },
    ]) {
      for (const route of routes) {
        const answer = await ask(route, headers);
        t.equal(answer.statusCode, 401);
        t.match(answer.headers['www-authenticate'], /^Bearer realm="call-logger"/);
        t.equal(answer.headers['content-type'], 'application/problem+json');
      }
    }
  });

  t.test('health and documentation need none', async (t) => {
    for (const url of ['/livez', '/readyz', '/metrics', '/openapi.json', '/clients/call_logger.py'])
      t.equal((await app.inject(url)).statusCode, 200);
  });

  t.test('the name of the key is the source of a call and stands in the log; no secret does', async (t) => {
    const own = testApp({ keys });
    await own.app.inject({
      method: 'POST',
      url: '/v1/calls',
      headers: { 'x-api-key': secrets.ingest },
      payload: someCall(),
    });
    t.match(own.logged, [{ key: 'bot' }]);
    t.match(Buffer.from(own.intake.records[0] ?? []).toString(), /bot/);
    const all = JSON.stringify([...own.logged, ...logged]);
    for (const secret of Object.values(secrets)) t.notOk(all.includes(secret));
  });
});

t.test('without keys every route answers', async (t) => {
  const { app } = testApp();
  for (const { method, url } of routes) {
    const payload =
      method === 'POST'
        ? url === '/v1/admin/flush'
          ? {}
          : { type: 'call', ...someCall({ call_id: 'c' }) }
        : undefined;
    const answer = await app.inject({ method, url, ...(payload ? { payload } : {}) });
    t.not(answer.statusCode, 401);
  }
});

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
      ['DELETE', '/v1/calls', 'GET, HEAD, POST'],
      ['HEAD', '/v1/exports/calls', 'GET'],
      ['DELETE', '/v1/calls/x', 'GET, HEAD'],
      ['PUT', '/v1/calls/x/clicks?a=b', 'POST'],
      ['POST', '/livez', 'GET, HEAD'],
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
