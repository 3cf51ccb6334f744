import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import t from 'tap';
import { documentForPage } from '../../src/http/docs-page/page-document.js';
import { testApp } from '../helpers/app.js';
import { findBrowser, openBrowser } from '../helpers/browser.js';
import { createMigratedDatabase } from '../helpers/postgres.js';
import { startService, temporaryDirectory } from '../helpers/service.js';
import { root } from '../helpers/program.js';

const readKey = 'read-secret-000002';
const ingestKey = 'ingest-secret-0001';
const fixture = readFileSync(`${root}test/fixtures/events.ndjson`, 'utf8');

t.test('the page and its files come from here, for everybody, under strict security headers', async (t) => {
  const { app } = testApp({ keys: [{ name: 'ann', secret: readKey, scope: 'read' }] });
  const page = await app.inject('/docs');
  t.equal(page.headers['content-type'], 'text/html; charset=utf-8');
  t.match(page.payload, '<title>call-logger: API</title>');
  const files = [...page.payload.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url = '']) => url);
  t.ok(files.length >= 7);
  for (const url of ['/docs', '/docs/', '/docs/json', ...files]) {
    const answer = await app.inject(url);
    t.equal(answer.statusCode, 200, url);
    t.match(answer.headers, {
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'content-security-policy':
        /^default-src 'none'; script-src 'self'; style-src 'self';.* frame-ancestors 'none'/,
    });
    t.notMatch(answer.headers['content-security-policy'], /unsafe|https?:|\*/);
  }
});

t.test('the page leaves everything else as it is', async (t) => {
  const { app, logged } = testApp();
  for (const url of [
    '/docs/nothing',
    '/docs/static/nothing.js',
    '/docs/static/%2e%2e/%2e%2e/package.json',
    '/docs/static/..%2f..%2fpackage.json',
    // Would be made anew for each who asks.
    '/docs/yaml',
  ]) {
    const answer = await app.inject(url);
    t.equal(answer.statusCode, 404, url);
    t.equal(answer.headers['content-type'], 'application/problem+json');
  }
  t.equal((await app.inject({ method: 'POST', url: '/docs' })).headers['allow'], 'GET, HEAD, OPTIONS');
  const api = await app.inject('/openapi.json');
  t.equal(api.headers['content-security-policy'], "frame-ancestors 'none'");
  t.notOk(Object.keys(api.json<{ paths: object }>().paths).some((path) => path.startsWith('/docs')));
  logged.length = 0;
  await app.inject('/docs');
  await app.inject('/docs/static/swagger-ui.css');
  t.strictSame(logged, [], 'the log is about work');
});

t.test('the form of the page is filled in only where something has to be said', async (t) => {
  const parameter = { in: 'query', schema: { type: 'string' } };
  const document = {
    servers: [{ url: 'http://elsewhere' }],
    paths: {
      '/x': {
        get: {
          parameters: [
            { ...parameter, name: 'group_by', required: true, example: 'sport' },
            { ...parameter, name: 'book', description: 'Which book.', example: 'bet365' },
            { ...parameter, name: 'min_roi', example: 2 },
            { ...parameter, name: 'tz', examples: { UTC: { value: 'UTC' }, 'Europe/Paris': {} } },
            { ...parameter, name: 'bare' },
          ],
          responses: { 200: { content: { 'application/json': { example: { calls: 1 } } } } },
        },
      },
    },
  };
  t.strictSame(documentForPage()(document), {
    // Then requests go to where the page came from.
    servers: undefined,
    paths: {
      '/x': {
        get: {
          parameters: [
            { ...parameter, name: 'group_by', required: true, example: 'sport' },
            { ...parameter, name: 'book', description: 'Which book. For example: `bet365`.' },
            { ...parameter, name: 'min_roi', description: 'For example: `2`.' },
            { ...parameter, name: 'tz', description: 'For example: `UTC`, `Europe/Paris`.' },
            { ...parameter, name: 'bare' },
          ],
          responses: { 200: { content: { 'application/json': { example: { calls: 1 } } } } },
        },
      },
    },
  });
});

/** Does what the introduction says, and returns the status and the text of the answer. */
async function tryStatistics(page: Page): Promise<{ status: number; body: string }> {
  const operation = page.locator('.opblock', { has: page.locator('[data-path="/v1/stats"]') });
  await operation.locator('.opblock-summary-control').click();
  await operation.getByRole('button', { name: 'Try it out' }).click();
  await operation.getByRole('button', { name: 'Execute' }).click();
  const answer = operation.locator('.live-responses-table .response');
  return {
    status: Number.parseInt(await answer.locator('.response-col_status').innerText()),
    body: await answer.locator('pre').first().innerText(),
  };
}

async function authorize(page: Page, key: string): Promise<void> {
  await page.getByRole('button', { name: 'Authorize' }).click();
  const dialog = page.locator('.modal-ux');
  await dialog.getByRole('textbox').first().fill(key);
  await dialog.getByRole('button', { name: 'Apply credentials' }).first().click();
  await dialog.getByRole('button', { name: 'Close' }).first().click();
}

/** Calls of the fixture by sport. */
function callsBySport(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const line of fixture.trim().split('\n')) {
    const event = JSON.parse(line) as { type: string; sport?: string };
    if (event.type === 'call') counts[String(event.sport)] = (counts[String(event.sport)] ?? 0) + 1;
  }
  return counts;
}

const chromium = findBrowser();
const skip = chromium === undefined && 'no Chromium here: install one, or name one in CHROMIUM_PATH';

t.test('in a browser an analyst authorises, asks for statistics and sees them', { skip }, async (t) => {
  const database = await createMigratedDatabase(t);
  const service = await startService({
    DATABASE_URL: database.url,
    DATA_DIR: join(await temporaryDirectory(t), 'data'),
    INGEST_KEYS: `bot:${ingestKey}`,
    READ_KEYS: `ann:${readKey}`,
  });
  // Nobody else would end it when a step in the browser fails.
  t.teardown(() => service.process.kill('SIGKILL'));
  const stored = await fetch(`${service.url}/v1/events?wait=stored`, {
    method: 'POST',
    headers: { 'x-api-key': ingestKey, 'content-type': 'application/x-ndjson' },
    body: fixture,
  });
  t.equal(stored.status, 200);

  const browser = await openBrowser(t, String(chromium));
  const page = await browser.newPage();
  const complaints: string[] = [];
  const requested: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requested.push(request.url()));

  await page.goto(`${service.url}/docs`);
  await page.locator('.opblock').first().waitFor();
  t.equal(await page.title(), 'call-logger: API');
  t.match(await page.locator('.info').innerText(), /betting alert[\s\S]*Authorize/);
  t.match(await page.locator('.opblock-tag a').allInnerTexts(), [
    'events',
    'calls',
    'statistics',
    'exports',
    'admin',
    'health',
  ]);

  await authorize(page, readKey);
  const { status, body } = await tryStatistics(page);
  t.equal(status, 200);
  const { groups } = JSON.parse(body) as { groups: { sport: string; calls: number }[] };
  t.strictSame(Object.fromEntries(groups.map(({ sport, calls }) => [sport, calls])), callsBySport());
  t.strictSame(complaints, []);
  t.strictSame(
    requested.filter((url) => new URL(url).origin !== service.url),
    [],
    'nothing was asked of anybody else',
  );

  const kept = (): Promise<string> =>
    page.evaluate('JSON.stringify([localStorage, sessionStorage, document.cookie])');
  t.equal(await kept(), '[{},{},""]', 'the key is stored nowhere');
  await page.goto('about:blank');
  await page.goto(`${service.url}/docs`);
  t.equal((await tryStatistics(page)).status, 401, 'and forgotten with the page');

  await browser.close();
  t.notMatch(service.output(), readKey);
  t.equal(await service.end('SIGTERM'), 0);
});
