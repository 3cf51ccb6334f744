import t from 'tap';
import { operationsOf } from '../../src/http/document/model.js';
import type { ApiDocument } from '../../src/http/document/model.js';
import { errorCode } from '../../src/lib/errors.js';
import { runExclusively } from '../../src/upkeep/exclusive.js';
import { callOf, clickOf, resultOf } from '../helpers/events.js';
import { Contract } from '../helpers/contract.js';
import { silent } from '../helpers/drain.js';
import { createMigratedDatabase } from '../helpers/postgres.js';
import { type RunningService, startService, temporaryDirectory } from '../helpers/service.js';

t.setTimeout(120_000);

const KEYS = {
  ingest: 'ingest-secret-of-16',
  read: 'read-secret-of-more',
  admin: 'admin-secret-of-16',
};

interface Asked {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
  readonly headers: Headers;
}

/** Believes the document of the service, and remembers what did not keep to it. */
class Client {
  readonly complaints: string[] = [];

  constructor(
    readonly contract: Contract,
    private readonly service: RunningService,
  ) {}

  /** @param body an object is sent as JSON; a text as it is, with the content type in the headers */
  async ask(
    request: string,
    body?: object | string,
    headers: Readonly<Record<string, string>> = { authorization: `Bearer ${KEYS.admin}` },
  ): Promise<Asked> {
    const [method = '', url = ''] = request.split(' ');
    const isJson = typeof body === 'object';
    const response = await fetchAgain(this.service.url + url, {
      method,
      headers: isJson ? { 'content-type': 'application/json', ...headers } : headers,
      ...(body !== undefined && { body: isJson ? JSON.stringify(body) : body }),
    });
    const text = await response.text();
    const { status } = response;
    const answered = { method, url, status, headers: Object.fromEntries(response.headers), body: text };
    this.complaints.push(...this.contract.judge(answered));
    const isAnswer =
      response.headers.get('content-type')?.includes('json') === true && !url.includes('ndjson');
    return { status, headers: response.headers, json: isAnswer ? (JSON.parse(text) as Asked['json']) : {} };
  }
}

/** What takes more than a client to bring about: each with where it is tested. */
const NOT_PROVOKED = [
  // Slow senders: sockets.test.ts.
  /^\w+ 408$/,
  // Failures of the disk or of ours: plugins.test.ts, admin.test.ts.
  /^\w+ 500$/,
  // Nothing but a request that is no HTTP at all, which fetch does not send: sockets.test.ts.
  /^get(Liveness|Readiness|Metrics|OpenApiJson|OpenApiYaml|PythonSender) 400$/,
  // Too many of them: keys.test.ts.
  /^\w+ 429$/,
  // Too many bodies in flight: bad-input.test.ts.
  /^(flush|deleteBackup|verifyBackup) 503$/,
];

/**
 * Who is refused before all was sent (413, 431) may find the connection reset before the answer was read, and the next
 * request over a kept connection too: that is no answer to be judged.
 */
async function fetchAgain(url: string, request: RequestInit): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetch(url, request);
    } catch (error) {
      const { cause } = error as Error;
      if (attempt === 5 || errorCode(cause) !== 'ECONNRESET') throw error;
    }
  }
}

/** That are right, for the operations that want one. */
const BODIES: Readonly<Record<string, object>> = {
  sendCall: callOf('c'.repeat(128)),
  sendClick: { event_id: 'k'.repeat(128), user_id: 'u'.repeat(256) },
  sendResult: {
    event_id: 'r'.repeat(128),
    outcome: 'push',
    clv_a: 1,
    clv_b: 1,
    line_movement_speed: 'normal',
  },
  cleanUp: { days_to_keep: 30 },
  flush: { timeout_s: 0 },
};

async function documentAt({ url }: RunningService): Promise<ApiDocument> {
  return (await (await fetch(`${url}/openapi.json`)).json()) as ApiDocument;
}

t.test('every answer of the running service is in its document, success and error alike', async (t) => {
  const directory = await temporaryDirectory(t);
  const database = await createMigratedDatabase(t);
  const pool = database.pool();
  const [service, lonely] = await Promise.all([
    startService({
      DATABASE_URL: database.url,
      DATA_DIR: `${directory}/data`,
      INGEST_KEYS: `bot:${KEYS.ingest}`,
      READ_KEYS: `analyst:${KEYS.read}`,
      ADMIN_KEYS: `operator:${KEYS.admin}`,
    }),
    startService({
      DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nowhere',
      DATA_DIR: `${directory}/lonely`,
      RETENTION_DAYS: '0',
      SPOOL_MAX_BYTES: String(1024 * 1024),
    }),
  ]);
  t.teardown(() => Promise.all([service.end('SIGTERM'), lonely.end('SIGTERM')]));
  const document = await documentAt(service);
  const contract = new Contract(document);
  const client = new Client(contract, service);
  const alone = new Client(contract, lonely);
  const is = async (status: number, ...request: Parameters<Client['ask']>): Promise<Asked> => {
    const asked = await client.ask(...request);
    t.equal(asked.status, status, `${request[0]} ${JSON.stringify(asked.json).slice(0, 200)}`);
    return asked;
  };

  await t.test('sending', async (t) => {
    const call = callOf('c', { raw: { note: 'é' } });
    await is(202, 'POST /v1/calls', callOf('d'));
    t.match((await is(200, 'POST /v1/calls?wait=stored', call)).json, { status: 'stored' });
    t.match((await is(200, 'POST /v1/calls?wait=stored', call)).json, { status: 'duplicate' });
    await is(202, 'POST /v1/calls/c/clicks');
    await is(200, 'POST /v1/calls/c/clicks?wait=stored', { event_id: 'k', user_id: 'u1' });
    const conflict = await is(200, 'POST /v1/calls/c/clicks?wait=stored', { event_id: 'k', user_id: 'u2' });
    t.match(conflict.json, { status: 'dead_letter' });
    await is(202, 'POST /v1/calls/c/result', { outcome: 'a_won', profit_actual: 1 });
    await is(200, 'POST /v1/calls/c/result?wait=stored', { closing_line_a: 104, closing_line_b: -106 });
    const good = [callOf('e'), clickOf('e', 'k1'), resultOf('e', 'r1')];
    await is(202, 'POST /v1/events', good);
    await is(200, 'POST /v1/events?wait=stored', { events: good });
    await is(207, 'POST /v1/events', [...good, { type: 'click' }]);
    await is(207, 'POST /v1/events?wait=stored', [{}, ...good]);
    await is(422, 'POST /v1/events', [{}]);
    for (const route of ['calls', 'calls/c/clicks', 'calls/c/result']) {
      await is(400, `POST /v1/${route}`, { odds: 1 });
      await is(422, `POST /v1/${route}`, {
        ...(route === 'calls' ? callOf('f', { odds_a: 50 }) : { call_id: 'other' }),
        ...(route.endsWith('result') && { outcome: 'push' }),
      });
    }
    await is(400, 'POST /v1/events', []);
    await is(404, 'GET /v1/nothing');
    await is(405, 'PUT /v1/calls');
  });

  await t.test('reading', async () => {
    await is(200, 'GET /v1/calls/c');
    await is(404, 'GET /v1/calls/nobody');
    const { json } = await is(200, 'GET /v1/calls?limit=1');
    await is(200, `GET /v1/calls?cursor=${String(json['next_cursor'])}`);
    await is(400, 'GET /v1/calls?cursor=no');
    for (const by of ['call_type,book,hour', 'match,roi_band,outcome', 'user', 'weekday,month,day'])
      await is(200, `GET /v1/stats?group_by=${by}`);
    const statistics = 'GET /v1/stats?group_by=sport&measures=calls,median_seconds_alive';
    const etag = (await is(200, statistics)).headers.get('etag') ?? '';
    await is(304, statistics, undefined, { 'x-api-key': KEYS.admin, 'if-none-match': etag });
    for (const subject of ['calls', 'clicks']) {
      for (const format of ['csv', 'ndjson', 'parquet']) {
        const { headers } = await is(200, `GET /v1/exports/${subject}?format=${format}`);
        await is(200, `GET /v1/exports/manifests/${headers.get('x-export-id') ?? ''}`);
      }
    }
    await is(404, 'GET /v1/exports/manifests/none');
    for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/openapi.yaml'])
      await is(200, `GET ${path}`);
    const sender = await is(200, 'GET /clients/call_logger.py');
    const known = { 'if-none-match': sender.headers.get('etag') ?? '' };
    await is(304, 'GET /clients/call_logger.py', undefined, known);
  });

  await t.test('operating', async (t) => {
    await is(200, 'POST /v1/admin/flush');
    await is(200, 'GET /v1/admin/status');
    await is(200, 'POST /v1/admin/cleanup', { dry_run: true });
    const started = await is(202, 'POST /v1/admin/backups');
    await is(200, `GET ${started.headers.get('location') ?? ''}`);
    // Until the first is over, it is refused.
    for (;;) {
      const { status } = await client.ask('POST /v1/admin/backups?wait=true');
      if (status === 201) break;
      t.equal(status, 409);
    }
    const { json } = await is(200, 'GET /v1/admin/backups');
    const [{ id } = { id: '' }] = json['backups'] as { readonly id: string }[];
    const backup = `/v1/admin/backups/${id}`;
    await is(200, `GET ${backup}/download`);
    await is(206, `GET ${backup}/download`, undefined, { 'x-api-key': KEYS.admin, range: 'bytes=0-9' });
    await is(416, `GET ${backup}/download`, undefined, { 'x-api-key': KEYS.admin, range: 'bytes=99999999-' });
    t.match((await is(200, `POST ${backup}/verify`)).json, { ok: true });
    await is(204, `DELETE ${backup}`);
    for (const request of ['GET', 'DELETE']) await is(404, `${request} ${backup}`);
    await is(404, `GET ${backup}/download`);
    await is(404, `POST ${backup}/verify`);

    await pool.query(
      `insert into upkeep_runs (run_id, task, trigger, state, started_at, finished_at, detail, error)
       values (gen_random_uuid(), 'backup', 'manual', 'failed', now(), now(), $1, 'no space')`,
      [JSON.stringify({ backup_id: '20251022T050000Z-00000001' })],
    );
    const failed = '/v1/admin/backups/20251022T050000Z-00000001';
    t.match((await is(200, `GET ${failed}`)).json, { state: 'failed' });
    await is(409, `DELETE ${failed}`);
    await is(409, `GET ${failed}/download`);
    await is(409, `POST ${failed}/verify`);
    await runExclusively(runner(), { task: 'backup', trigger: 'manual', detail: {} }, async () => {
      await is(409, 'POST /v1/admin/backups');
      return nothing();
    });
    await runExclusively(runner(), { task: 'cleanup', trigger: 'manual', detail: {} }, async () => {
      await is(409, 'POST /v1/admin/cleanup');
      return nothing();
    });
    await is(200, 'GET /v1/admin/runs?limit=1');
    await is(200, 'GET /v1/admin/runs');
    await is(400, 'GET /v1/admin/runs?cursor=no');

    await pool.query(
      `insert into dead_letters (spool_id, sequence, reason, detail, payload)
       values ('00000000-0000-4000-8000-000000000000', 7, 'corrupt', 'the checksum is wrong', $1)`,
      [Buffer.from([0xff])],
    );
    const corrupt = '/v1/admin/dead-letters/00000000-0000-4000-8000-000000000000.7';
    const letters = (await is(200, 'GET /v1/admin/dead-letters')).json['dead_letters'];
    const conflict = (letters as { readonly id: string; readonly reason: string }[]).find(
      ({ reason }) => reason === 'conflict',
    );
    await is(422, `POST ${corrupt}/replay`);
    await is(202, `POST /v1/admin/dead-letters/${conflict?.id ?? ''}/replay`);
    await is(202, 'POST /v1/admin/dead-letters/replay');
    await is(204, `DELETE ${corrupt}`);
    await is(404, `DELETE ${corrupt}`);
    await is(404, `POST ${corrupt}/replay`);
  });

  await t.test('refusing, whatever the operation', async () => {
    const big = `{"raw":{"text":"${'x'.repeat(1_200_000)}"}}`;
    for (const { method, path, operation } of operationsOf(document)) {
      const request = `${method.toUpperCase()} ${path.replace(/\{\w+\}/, 'x')}`;
      const admin = { authorization: `Bearer ${KEYS.admin}` };
      await is(431, request, undefined, { ...admin, 'x-filler': 'x'.repeat(20_000) });
      if ((operation.security ?? []).length === 0) continue;
      await is(401, request, undefined, {});
      await is(403, request, undefined, {
        authorization: `Bearer ${operation.tags?.[0] === 'events' ? KEYS.read : KEYS.ingest}`,
      });
      await is(400, `${request}?nope=1`);
      if (method === 'get') continue;
      await is(415, request, 'x', { ...admin, 'content-type': 'text/plain' });
      await is(413, request, big, { ...admin, 'content-type': 'application/json' });
      await is(400, request, '{', { ...admin, 'content-type': 'application/json' });
    }
  });

  await t.test('without PostgreSQL, and with a full spool', async (t) => {
    // With ever smaller calls, until not even the smallest event fits.
    for (const characters of [30_000, 3_000, 300, 0]) {
      const call = callOf('filler', { raw: { text: 'x'.repeat(characters) } });
      const batch = Array.from({ length: characters === 30_000 ? 30 : 1 }, () => call);
      let status = 202;
      while (status === 202) ({ status } = await alone.ask('POST /v1/events', batch));
      t.equal(status, 503, 'the spool is full');
    }
    await alone.ask('POST /v1/admin/cleanup');
    const forwarded = { 'x-forwarded-for': '192.0.2.1' };
    for (const { method, path, operation } of operationsOf(document)) {
      const id = path.includes('dead-letters') ? '00000000-0000-4000-8000-000000000000.7' : 'x';
      await alone.ask(`${method.toUpperCase()} ${path}`, undefined, forwarded);
      await alone.ask(
        `${method.toUpperCase()} ${path.replace(/\{\w+\}/, id)}${path === '/v1/stats' ? '?group_by=sport' : ''}`,
        BODIES[String(operation.operationId)],
      );
    }
  });

  t.strictSame([...client.complaints, ...alone.complaints], []);
  const unseen = operationsOf(document).flatMap(({ method, path, operation }) =>
    Object.keys(operation.responses)
      .filter((status) => !contract.seen.has(`${method.toUpperCase()} ${path} ${status}`))
      .map((status) => `${String(operation.operationId)} ${status}`),
  );
  const missing = unseen.filter((name) => !NOT_PROVOKED.some((pattern) => pattern.test(name)));
  t.strictSame(missing, [], 'every status of the document was seen');
  for (const pattern of NOT_PROVOKED)
    t.ok(
      unseen.some((name) => pattern.test(name)),
      pattern.source,
    );

  function runner() {
    return { pool, log: silent, now: () => Date.now(), signal: new AbortController().signal };
  }
});

async function nothing() {
  return { result: undefined, detail: {} };
}
