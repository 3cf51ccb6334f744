import t, { type Test } from 'tap';
import type { Scope, SenderKey } from '../../src/config/keys.js';
import { ADMIN_RATE, FAILED_KEY_RATE } from '../../src/http/limits.js';
import { someCall, testApp, type TestApp } from '../helpers/app.js';

const secrets = { ingest: 'ingest-secret-0001', read: 'read-secret-000002', admin: 'admin-secret-00003' };
const secondAdmin = 'admin-secret-00004';
const keys: SenderKey[] = [
  { name: 'bot', secret: secrets.ingest, scope: 'ingest' },
  { name: 'analyst', secret: secrets.read, scope: 'read' },
  { name: 'operator', secret: secrets.admin, scope: 'admin' },
  { name: 'second operator', secret: secondAdmin, scope: 'admin' },
];

const METHODS = ['GET', 'HEAD', 'POST', 'DELETE'] as const;
type Method = (typeof METHODS)[number];

/** Every route, who may use it, and what it answers then in a house in which nothing is stored. */
const matrix: Readonly<Record<string, readonly [Scope | 'open', number]>> = {
  'POST /v1/calls': ['ingest', 202],
  'POST /v1/calls/:call_id/clicks': ['ingest', 202],
  'POST /v1/calls/:call_id/result': ['ingest', 202],
  'POST /v1/events': ['ingest', 202],
  'GET /v1/calls': ['read', 200],
  'GET /v1/calls/:call_id': ['read', 404],
  'GET /v1/stats': ['read', 200],
  'GET /v1/exports/calls': ['read', 200],
  'GET /v1/exports/clicks': ['read', 200],
  'GET /v1/exports/manifests/:id': ['read', 404],
  'GET /v1/admin/status': ['admin', 200],
  'POST /v1/admin/flush': ['admin', 200],
  'POST /v1/admin/cleanup': ['admin', 200],
  'GET /v1/admin/backups': ['admin', 200],
  'POST /v1/admin/backups': ['admin', 500],
  'GET /v1/admin/backups/:id': ['admin', 404],
  'GET /v1/admin/backups/:id/download': ['admin', 404],
  'POST /v1/admin/backups/:id/verify': ['admin', 404],
  'DELETE /v1/admin/backups/:id': ['admin', 404],
  'GET /v1/admin/dead-letters': ['admin', 200],
  'POST /v1/admin/dead-letters/replay': ['admin', 202],
  'POST /v1/admin/dead-letters/:id/replay': ['admin', 404],
  'DELETE /v1/admin/dead-letters/:id': ['admin', 404],
  'GET /v1/admin/runs': ['admin', 200],
  'GET /livez': ['open', 200],
  'GET /readyz': ['open', 200],
  'GET /metrics': ['open', 200],
  'GET /openapi.json': ['open', 200],
  'GET /openapi.yaml': ['open', 200],
  'GET /clients/call_logger.py': ['open', 200],
};

const bodies: Readonly<Record<string, object>> = {
  'POST /v1/calls': someCall(),
  'POST /v1/calls/:call_id/result': { outcome: 'a_won', profit_actual: 1 },
  'POST /v1/events': [{ type: 'call', ...someCall() }],
};
const queries: Readonly<Record<string, string>> = { 'GET /v1/stats': '?group_by=sport' };
const ids: Readonly<Record<string, string>> = {
  '/v1/admin/backups/:id': '20261120T181500Z-5f0c9a1e',
  '/v1/admin/dead-letters/:id': '1',
};

interface House extends TestApp {
  /** All that the router knows, but for the files of the docs page. */
  readonly routes: readonly { readonly method: Method; readonly url: string }[];
  readonly ask: (
    route: { method: Method; url: string },
    headers?: Record<string, string>,
    address?: string,
  ) => Promise<{ statusCode: number; headers: Record<string, unknown>; json: () => unknown }>;
}

async function house(t: Test, of: readonly SenderKey[] = keys): Promise<House> {
  const built = testApp({ keys: of });
  const routes: { method: Method; url: string }[] = [];
  built.app.addHook('onRoute', ({ method, url }) => {
    if (url.startsWith('/docs')) return;
    for (const one of [method].flat()) {
      const known = METHODS.find((candidate) => candidate === one);
      if (known === undefined) throw new Error(`the matrix does not know ${one} ${url}`);
      routes.push({ method: known, url });
    }
  });
  await built.app.ready();
  t.teardown(() => built.app.close());
  const ask: House['ask'] = ({ method, url }, headers = {}, remoteAddress = '192.0.2.1') => {
    const name = `${method} ${url}`;
    const id = Object.entries(ids).find(([prefix]) => url.startsWith(prefix))?.[1] ?? 'x';
    const path = url.replace(/:\w+/, id) + (queries[name.replace('HEAD', 'GET')] ?? '');
    const payload = bodies[name];
    return built.app.inject({ method, url: path, headers, remoteAddress, ...(payload && { payload }) });
  };
  return { ...built, routes, ask };
}

/** HEAD is what GET is, without the body. */
const ruleOf = ({ method, url }: { method: Method; url: string }) =>
  matrix[`${method === 'HEAD' ? 'GET' : method} ${url}`];

t.test('every route the router knows is in the matrix, and nothing else is', async (t) => {
  const { routes } = await house(t);
  const known = routes.filter(({ method }) => method !== 'HEAD').map(({ method, url }) => `${method} ${url}`);
  t.strictSame(known.sort(), Object.keys(matrix).sort());
});

t.test('a key opens the routes of its scope and an admin key all, in either header', async (t) => {
  const { routes, ask } = await house(t);
  for (const route of routes) {
    const [scope, fine] = ruleOf(route) ?? ['admin', 0];
    for (const owner of ['ingest', 'read', 'admin'] as const) {
      const opens = scope === 'open' || owner === 'admin' || owner === scope;
      for (const headers of [
        { authorization: `Bearer ${secrets[owner]}` },
        { 'x-api-key': secrets[owner] },
      ]) {
        const answer = await ask(route, headers);
        t.equal(answer.statusCode, opens ? fine : 403, `${owner} on ${route.method} ${route.url}`);
      }
    }
  }
});

t.test(
  'without a known key the answer is 401 and says how to send one, but for the open routes',
  async (t) => {
    const { routes, ask } = await house(t);
    for (const [i, headers] of [
      {},
      { authorization: '' },
      { authorization: `Basic ${secrets.admin}` },
      { authorization: `Bearer ${secrets.admin}x` },
      { authorization: `Bearer ${secrets.admin} x` },
      { authorization: `Bearer ${secrets.admin.toUpperCase()}` },
      { 'x-api-key': 'operator' },
      { 'x-api-key': `operator:${secrets.admin}` },
      { 'x-api-key': '' },
      { authorization: 'Bearer wrong', 'x-api-key': secrets.admin },
    ].entries()) {
      for (const route of routes) {
        const [scope, fine] = ruleOf(route) ?? ['admin', 0];
        const answer = await ask(route, headers, `192.0.2.${i}`);
        const name = `${JSON.stringify(headers)} on ${route.method} ${route.url}`;
        t.equal(answer.statusCode, scope === 'open' ? fine : 401, name);
        if (scope === 'open') continue;
        t.match(answer.headers['www-authenticate'], /^Bearer realm="call-logger"/);
        t.equal(answer.headers['content-type'], 'application/problem+json');
      }
    }
  },
);

t.test('without keys every route answers', async (t) => {
  const { routes, ask } = await house(t, []);
  for (const route of routes) {
    const answer = await ask(route);
    t.equal(answer.statusCode, ruleOf(route)?.[1], `${route.method} ${route.url}`);
  }
});

t.test('the name of the key is the source of a call and stands in the log; no secret does', async (t) => {
  const { ask, intake, logged } = await house(t);
  await ask({ method: 'POST', url: '/v1/calls' }, { 'x-api-key': secrets.ingest });
  await ask({ method: 'POST', url: '/v1/calls' }, { 'x-api-key': `${secrets.ingest}-wrong` });
  await ask({ method: 'POST', url: '/v1/calls' }, { 'x-api-key': secrets.read });
  t.match(logged, [
    { key: 'bot', status: 202 },
    { key: null, status: 401, problem: 'unauthorized' },
    { key: 'analyst', status: 403, problem: 'forbidden' },
  ]);
  t.match(Buffer.from(intake.records[0] ?? []).toString(), /"source":"bot"|bot/);
  const all = JSON.stringify(logged);
  for (const secret of Object.values(secrets)) t.notOk(all.includes(secret));
});

const status = { method: 'GET', url: '/v1/admin/status' } as const;
const sendCall = { method: 'POST', url: '/v1/calls' } as const;
const wrong = { 'x-api-key': 'not a key of ours' };
const operator = { 'x-api-key': secrets.admin };

/** Sets the clock of this process forward; the door's limits look at it. */
function later(t: Test): (byMs: number) => void {
  const { now } = Date;
  let aheadMs = 0;
  Date.now = () => now() + aheadMs;
  t.teardown(() => (Date.now = now));
  return (byMs) => (aheadMs += byMs);
}

async function useUp(house: House, times: number, ...how: Parameters<House['ask']>): Promise<Set<number>> {
  const seen = new Set<number>();
  for (let i = 0; i < times; i += 1) seen.add((await house.ask(...how)).statusCode);
  return seen;
}

t.test('who fails too often with keys gets 429 and is told when to come again', async (t) => {
  const built = await house(t);
  const pass = later(t);
  t.strictSame([...(await useUp(built, FAILED_KEY_RATE.max, sendCall, wrong))], [401]);
  // Whatever it fails with, and wherever.
  for (const [route, headers] of [
    [sendCall, wrong],
    [status, wrong],
    [status, {}],
  ] as const) {
    const answer = await built.ask(route, headers);
    t.equal(answer.statusCode, 429);
    t.match(answer.json(), { type: 'urn:call-logger:problem:too_many_requests', status: 429 });
    t.equal(answer.headers['content-type'], 'application/problem+json');
    t.ok(Number(answer.headers['retry-after']) >= 1);
    t.ok(Number(answer.headers['retry-after']) <= FAILED_KEY_RATE.windowMs / 1000);
  }
  t.equal((await built.ask(status, wrong, '192.0.2.2')).statusCode, 401, 'another address is not concerned');
  t.equal((await built.ask(sendCall, { 'x-api-key': secrets.ingest })).statusCode, 202, 'nor is a good key');
  t.equal((await built.ask(status, operator)).statusCode, 200);
  t.equal((await built.ask({ method: 'GET', url: '/livez' }, wrong)).statusCode, 200);
  pass(FAILED_KEY_RATE.windowMs);
  t.equal((await built.ask(status, wrong)).statusCode, 401, 'it is forgotten after a while');
});

t.test('one machine with many addresses of IPv6 is one', async (t) => {
  const built = await house(t);
  for (let i = 0; i < FAILED_KEY_RATE.max; i += 1)
    await built.ask(status, wrong, `2001:db8:1:2::${i.toString(16)}`);
  t.equal((await built.ask(status, wrong, '2001:db8:1:2:ffff::1')).statusCode, 429);
  t.equal((await built.ask(status, wrong, '2001:db8:1:3::1')).statusCode, 401);
});

t.test('thousands of addresses cost bounded memory: those seen last are remembered', async (t) => {
  const built = await house(t);
  await useUp(built, FAILED_KEY_RATE.max, status, wrong);
  t.equal((await built.ask(status, wrong)).statusCode, 429);
  for (let i = 0; i < 5_000; i += 1) await built.ask(status, wrong, `10.0.${i >> 8}.${i & 255}`);
  t.equal((await built.ask(status, wrong)).statusCode, 401);
});

t.test('a key is limited on the admin routes, by itself and nowhere else', async (t) => {
  const built = await house(t);
  const pass = later(t);
  t.strictSame([...(await useUp(built, ADMIN_RATE.max, status, operator))], [200]);
  const answer = await built.ask({ method: 'GET', url: '/v1/admin/runs' }, operator, '192.0.2.9');
  t.equal(answer.statusCode, 429, 'all admin routes together, from wherever');
  t.match(answer.json(), { type: 'urn:call-logger:problem:too_many_requests' });
  t.ok(Number(answer.headers['retry-after']) >= 1);
  t.match(built.logged.at(-1), { status: 429, key: 'operator', problem: 'too_many_requests' });
  t.equal((await built.ask(status, { 'x-api-key': secondAdmin })).statusCode, 200, 'not another key');
  t.equal((await built.ask({ method: 'GET', url: '/v1/calls' }, operator)).statusCode, 200);
  t.equal((await built.ask(status, { 'x-api-key': secrets.read })).statusCode, 403);
  pass(ADMIN_RATE.windowMs);
  t.equal((await built.ask(status, operator)).statusCode, 200);
});

t.test('ingest is never limited, nor is anything without keys', async (t) => {
  const guarded = await house(t);
  const many = ADMIN_RATE.max + FAILED_KEY_RATE.max;
  for (const secret of [secrets.ingest, secrets.admin])
    t.strictSame([...(await useUp(guarded, many, sendCall, { 'x-api-key': secret }))], [202]);
  const open = await house(t, []);
  t.strictSame([...(await useUp(open, many, sendCall))], [202]);
  t.strictSame([...(await useUp(open, many, status))], [200]);
});
