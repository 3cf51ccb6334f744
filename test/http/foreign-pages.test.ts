import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import type { AppDeps } from '../../src/http/deps.js';
import { listen, testApp, type TestApp } from '../helpers/app.js';
import { findBrowser, openBrowser } from '../helpers/browser.js';
import { RawClient } from '../helpers/raw-client.js';
import { idleUpkeep } from '../helpers/upkeep.js';

const secret = 'admin-secret-00003';
const withKeys = { keys: [{ name: 'operator', secret, scope: 'admin' }] } as const;
const withHosts = { allowedHosts: ['logger.example.com', '[2001:db8::1]'] };

/** Nobody frames it, embeds it, or takes it for something else. */
const SECURITY_HEADERS =
  /\r\nx-content-type-options: nosniff\r\ncross-origin-resource-policy: same-origin\r\ncontent-security-policy: (.* )?frame-ancestors 'none';?\r\n/;

interface Door extends TestApp {
  /** Sends the lines and an empty one; the status, or the code of the problem. */
  readonly ask: (...lines: string[]) => Promise<number | string>;
}

async function door(t: Test, overrides: Partial<AppDeps> = {}): Promise<Door> {
  const built = testApp(overrides);
  const client = new RawClient(await listen(built.app));
  t.teardown(async () => {
    client.destroy();
    await built.app.close();
  });
  const key = overrides.keys === undefined ? [] : [`x-api-key: ${secret}`];
  const ask: Door['ask'] = async (...lines) => {
    await client.send([...lines, ...key, '', ''].join('\r\n'));
    const { status, head, body } = await client.answer();
    t.match(head, SECURITY_HEADERS, lines.join(' | '));
    return /problem:(\w+)/.exec(body)?.[1] ?? status;
  };
  return { ...built, ask };
}

const read = 'GET /v1/calls HTTP/1.1';
const act = 'POST /v1/calls/x/clicks HTTP/1.1';

/** Named like this, it is this machine that is meant. */
const OWN = [
  'localhost',
  'localhost:8080',
  'LOCALHOST:3000',
  'localhost:',
  'call_logger.localhost:3000',
  '127.0.0.1',
  '127.0.0.1:65535',
  '127.255.0.9:3000',
  '[::1]',
  '[::1]:8080',
];

const FOREIGN = [
  'evil.example',
  'evil.example:3000',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  'evillocalhost',
  '.localhost',
  'localhost.',
  'localhost@evil.example',
  'evil.example@localhost',
  'localhost:3000@evil.example',
  'localhost:80:80',
  'localhost, evil.example',
  'localhost/',
  '127.0.0.1%00',
  '127.0.0.256',
  '127.1',
  '0x7f.0.0.1',
  '2130706433',
  '128.0.0.1',
  '0.0.0.0:3000',
  '10.0.0.5:3000',
  '[::]',
  '[::1',
  '[::1].evil.example',
  '[::ffff:127.0.0.1]',
  'logger.example.com.evil.example',
  'evil-logger.example.com',
  '',
];

t.test('without keys only the names of loopback are answered, whatever is asked for', async (t) => {
  const { ask } = await door(t);
  for (const host of OWN) t.equal(await ask(read, `host: ${host}`), 200, host);
  for (const host of FOREIGN) t.equal(await ask(read, `host: ${host}`), 'foreign_host', host);
  for (const path of ['/livez', '/metrics', '/docs', '/docs/static/swagger-ui.css', '/nothing', '/v1//calls'])
    t.equal(await ask(`GET ${path} HTTP/1.1`, 'host: evil.example'), 'foreign_host', path);
  for (const method of ['POST', 'DELETE', 'OPTIONS', 'QUERY'])
    t.equal(await ask(`${method} /v1/calls HTTP/1.1`, 'host: evil.example'), 'foreign_host', method);
  t.equal(await ask('GET http://evil.example/v1/calls HTTP/1.1', 'host: localhost'), 'foreign_host');
  t.equal(
    await ask('GET http://localhost@evil.example/v1/calls HTTP/1.1', 'host: localhost'),
    'foreign_host',
  );
  t.equal(await ask('GET http://localhost:1/v1/calls HTTP/1.1', 'host: localhost'), 200);
  t.equal(await ask('GET http://localhost/v1/calls HTTP/1.1', 'host: evil.example'), 'foreign_host');
});

t.test('a request without a host is one of HTTP/1.0, and one with two is none', async (t) => {
  const { ask } = await door(t);
  t.equal(await ask(read, 'host: localhost', 'Host: evil.example'), 'malformed_request');
  t.equal(await ask(read, 'host: localhost', 'Host: localhost'), 'malformed_request');
  t.equal(await ask(read), 'malformed_request');
  // Not kept open after it.
  t.equal(await ask('GET /v1/calls HTTP/1.0'), 200);
});

t.test('with keys a request is known by its key, and no name or proxy makes a difference', async (t) => {
  const { ask } = await door(t, withKeys);
  for (const host of [...OWN, ...FOREIGN]) {
    t.equal(await ask(read, `host: ${host}`), 200, host);
    t.equal(await ask(act, `host: ${host}`, 'content-length: 0'), 202, host);
  }
  t.equal(await ask(read, 'host: evil.example', 'x-forwarded-for: 192.0.2.1'), 200);
});

t.test('hosts that the operator allows are answered without keys, and no others', async (t) => {
  const { ask } = await door(t, withHosts);
  const allowed = [
    'logger.example.com',
    'logger.example.com:8443',
    'LOGGER.Example.Com',
    '[2001:DB8::1]:3000',
  ];
  for (const host of [...allowed, ...OWN]) t.equal(await ask(read, `host: ${host}`), 200, host);
  for (const host of [...FOREIGN, 'logger.example.com.', 'logger.example.com@evil.example'])
    t.equal(await ask(read, `host: ${host}`), 'foreign_host', host);
});

t.test('without keys, what a proxy forwarded is refused unless hosts are allowed', async (t) => {
  const [plain, hosts] = [await door(t), await door(t, withHosts)];
  const through = ['Forwarded: for=192.0.2.1', 'X-Forwarded-For: 192.0.2.1', 'x-forwarded-host: localhost'];
  for (const header of [...through, 'X-FORWARDED-PROTO: https', 'x-forwarded-anything: 1']) {
    t.equal(await plain.ask(read, 'host: localhost:3000', header), 'forwarded_without_keys', header);
    t.equal(await hosts.ask(read, 'host: localhost:3000', header), 200, header);
    t.equal(await hosts.ask(read, 'host: logger.example.com', header), 200, header);
    t.equal(await hosts.ask(read, 'host: evil.example', header), 'foreign_host', header);
  }
  t.equal(await plain.ask(read, 'host: localhost', 'via: 1.1 x', 'x-forward: 1'), 200);
});

t.test('a page of another origin can change nothing, with keys or without', async (t) => {
  const site = 'sec-fetch-site:';
  const rows: [string, string[], 202 | 'foreign_page'][] = [
    ['curl', [], 202],
    ['the fetch of Node.js', ['sec-fetch-mode: cors'], 202],
    ['a page of ours', [`${site} same-origin`, 'origin: http://localhost:3000'], 202],
    ['a page of ours behind TLS and another name', [`${site} same-origin`, 'origin: https://x.example'], 202],
    ['the address bar', [`${site} none`], 202],
    ['a page of another port', [`${site} same-site`, 'origin: http://localhost:4000'], 'foreign_page'],
    ['another page', [`${site} cross-site`, 'origin: https://evil.example'], 'foreign_page'],
    ['a sandboxed frame', [`${site} cross-site`, 'origin: null'], 'foreign_page'],
    ['another page, without its origin', [`${site} cross-site`], 'foreign_page'],
    ['what no browser says', [`${site} Same-Origin`], 'foreign_page'],
    ['nothing said', [site], 'foreign_page'],
    ['two things said', [`${site} same-origin`, `${site} cross-site`], 'foreign_page'],
    ['an older browser on a page of ours', ['origin: http://localhost:3000'], 202],
    ['the same behind TLS', ['origin: https://LOCALHOST:3000'], 202],
    ['an older browser on another port', ['origin: http://localhost:4000'], 'foreign_page'],
    ['an older browser without a port', ['origin: http://localhost'], 'foreign_page'],
    ['an older browser on another page', ['origin: https://evil.example'], 'foreign_page'],
    [
      'an older browser on a page that begins like ours',
      ['origin: http://localhost:3000.evil.example'],
      'foreign_page',
    ],
    ['an older browser in a sandboxed frame', ['origin: null'], 'foreign_page'],
    ['a page in a file', ['origin: file://'], 'foreign_page'],
    ['an extension', ['origin: moz-extension://localhost:3000'], 'foreign_page'],
    ['an empty origin', ['origin:'], 'foreign_page'],
    ['two origins', ['origin: http://localhost:3000', 'origin: http://localhost:3000'], 'foreign_page'],
  ];
  for (const overrides of [{}, withKeys]) {
    const { ask, intake } = await door(t, overrides);
    for (const [who, headers, outcome] of rows) {
      const before = intake.appends;
      t.equal(await ask(act, 'host: localhost:3000', 'content-length: 0', ...headers), outcome, who);
      t.equal(intake.appends - before, outcome === 202 ? 1 : 0, who);
      t.equal(await ask(read, 'host: localhost:3000', ...headers), 200, `${who} may ask`);
      t.equal(
        await ask('OPTIONS /v1/calls HTTP/1.1', 'host: localhost:3000', ...headers),
        204,
        `${who} may ask`,
      );
    }
    for (const method of ['PUT', 'PATCH', 'DELETE', 'QUERY', 'TRACE'])
      t.equal(
        await ask(`${method} /nothing HTTP/1.1`, 'host: localhost', 'origin: null'),
        'foreign_page',
        method,
      );
  }
  // Without a host there is nothing for an origin to be the same as.
  const old = await door(t);
  t.equal(await old.ask('POST /v1/calls/x/clicks HTTP/1.0', 'origin: http://localhost'), 'foreign_page');
});

t.test('what is refused says what to do', async (t) => {
  const { app } = testApp();
  const told = async (headers: Record<string, string>) =>
    (await app.inject({ method: 'POST', url: '/v1/calls/x/clicks', headers })).json<{ detail: string }>()
      .detail;
  t.match(
    await told({ host: 'evil.example"' }),
    /"evil\.example"".*set keys, or name the host in ALLOWED_HOSTS/,
  );
  t.ok((await told({ host: 'x'.repeat(10_000) })).length < 400);
  t.match(await told({ 'x-forwarded-for': '192.0.2.1' }), /x-forwarded-for.*set keys.*ALLOWED_HOSTS/);
  t.match(await told({ origin: 'null' }), /another origin.*proxy.*Host/);
});

t.test('answers from below the routes have the headers of all others', async (t) => {
  const { ask } = await door(t);
  t.equal(await ask('GET /%zz HTTP/1.1', 'host: localhost'), 'malformed_url');
  t.equal(await ask('GET /v1/exports/calls HTTP/1.1', 'host: localhost'), 200);
  const other = await door(t);
  t.equal(await other.ask('GET / HTTP/9.9'), 'malformed_request');
});

const chromium = findBrowser();
const skip = chromium === undefined && 'no Chromium here: install one, or name one in CHROMIUM_PATH';

t.test('in a browser, a page of another origin does nothing, and one of ours may', { skip }, async (t) => {
  let done = 0;
  const upkeep = idleUpkeep({
    startBackup: async () => {
      done++;
      throw new Error('was asked for');
    },
    cleanUp: async () => {
      done++;
      throw new Error('was asked for');
    },
    replayDeadLetters: async () => {
      done++;
      throw new Error('was asked for');
    },
  });
  const { app, intake } = testApp({ upkeep });
  const statuses: number[] = [];
  app.addHook('onResponse', async (request, reply) => {
    if (request.method === 'POST') statuses.push(reply.statusCode);
  });
  const port = await listen(app);
  t.teardown(() => app.close());
  const site = createServer(({ url }, response) => {
    if (url === '/sandboxed') response.setHeader('content-security-policy', 'sandbox allow-scripts');
    response.setHeader('content-type', 'text/html').end('<title>another</title>');
  });
  await new Promise<void>((resolve) => {
    site.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    site.closeAllConnections();
    site.close();
  });

  const browser = await openBrowser(t, String(chromium), { 'rebound.test': '127.0.0.1' });
  const page = await browser.newPage();
  const service = `http://127.0.0.1:${port}`;
  const acts = [
    '/v1/calls/x/clicks',
    '/v1/admin/backups',
    '/v1/admin/cleanup',
    '/v1/admin/dead-letters/replay',
  ];
  const another = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  for (const [where, address] of [
    ['on another port', another],
    ['of another site', another.replace('127.0.0.1', 'rebound.test')],
    ['without an origin', `${another}/sandboxed`],
  ] as const) {
    statuses.length = 0;
    await page.goto(address);
    for (const path of acts)
      await page.evaluate(`fetch('${service}${path}', { method: 'POST', mode: 'no-cors' }).catch(() => 0)`);
    t.strictSame(statuses, [403, 403, 403, 403], where);
  }
  t.strictSame([intake.appends, done], [0, 0]);

  const rebound = await page.goto(`http://rebound.test:${port}/v1/calls`);
  t.equal(rebound?.status(), 403, 'nor does a rebound name read');

  await page.goto(`${service}/docs`);
  t.equal(await page.evaluate(`fetch('/v1/calls/x/clicks', { method: 'POST' }).then((r) => r.status)`), 202);
  t.equal(intake.appends, 1);
});
