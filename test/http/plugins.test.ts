import t from 'tap';
import { codedError, noCalls, testApp } from '../helpers/app.js';

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
