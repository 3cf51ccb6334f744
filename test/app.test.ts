import t from 'tap';
import { noCalls, someStoredCall, testApp } from './helpers/app.js';

t.test('a stored call comes back value by value: nothing dropped, nothing converted', async (t) => {
  const asked: string[] = [];
  const { app } = testApp({
    calls: {
      ...noCalls,
      call: async (callId) => {
        asked.push(callId);
        return someStoredCall;
      },
    },
  });
  const answer = await app.inject(`/v1/calls/${encodeURIComponent('ä:1')}`);
  t.equal(answer.statusCode, 200);
  t.strictSame(answer.json(), JSON.parse(JSON.stringify(someStoredCall)));
  t.strictSame(asked, ['ä:1']);
  const head = await app.inject({ method: 'HEAD', url: '/v1/calls/c' });
  t.equal(head.statusCode, 200);
  t.equal(head.payload, '');
});

t.test('a call that is not stored is 404, and the answer says that it may be on its way', async (t) => {
  const { app } = testApp();
  const answer = await app.inject('/v1/calls/c');
  t.equal(answer.statusCode, 404);
  t.match(answer.json(), { type: 'urn:call-logger:problem:call_not_found', title: /not stored, or not yet/ });
  t.equal((await app.inject('/v1/calls/a%20b')).statusCode, 400);
});

t.test('status has its numbers as they are, and fields added later go through', async (t) => {
  const status = {
    spool: { id: 'b6d2', events: 1, bytes: 2, oldest_age_s: 0.25, limit_bytes: 3, state: 'open' },
    drain: { state: 'retrying', last_error: 'connection refused', retries: 3 },
    counts: { accepted: 5, stored: 2, duplicate: 1, dead_letter: 1, spooled: 1 },
    store: { state: 'up', pool: { used: 2 } },
    schedule: { cleanup: null },
  };
  const { app } = testApp({
    status: {
      status: () => status,
      readiness: () => ({ ready: false, checks: { spool: 'full', store: 'up', drain: 'running' } }),
    },
  });
  const answer = await app.inject('/v1/admin/status');
  t.equal(answer.statusCode, 200);
  t.strictSame(answer.json(), status);

  const ready = await app.inject('/readyz');
  t.equal(ready.statusCode, 503);
  t.strictSame(ready.json(), { ready: false, checks: { spool: 'full', store: 'up', drain: 'running' } });
  const head = await app.inject({ method: 'HEAD', url: '/readyz' });
  t.equal(head.statusCode, 503);
});

t.test(
  'flush waits as long as it is told, 30 seconds by default: 200, or 504 when that is not enough',
  async (t) => {
    const { app, intake } = testApp();
    for (const [payload, timeoutMs] of [
      [undefined, 30_000],
      [{}, 30_000],
      [{ timeout_s: 0.5 }, 500],
    ] as const) {
      const answer = await app.inject({
        method: 'POST',
        url: '/v1/admin/flush',
        ...(payload ? { payload } : {}),
      });
      t.equal(answer.statusCode, 200);
      t.match(answer.json(), { flushed: true, duration_ms: Number });
      t.equal(intake.flushTimeoutMs, timeoutMs);
    }
    intake.flushed = false;
    const late = await app.inject({ method: 'POST', url: '/v1/admin/flush' });
    t.equal(late.statusCode, 504);
    for (const [payload, pointer] of [
      [{ timeout_s: '5' }, '/timeout_s'],
      [{ timeout_s: -1 }, '/timeout_s'],
      [{ timeout_s: null }, '/timeout_s'],
      [{ timeout: 5 }, '/timeout'],
      [[], ''],
    ] as const) {
      const answer = await app.inject({ method: 'POST', url: '/v1/admin/flush', payload });
      t.equal(answer.statusCode, 400);
      t.match(answer.json(), { errors: [{ pointer }] });
    }
  },
);

t.test('liveness tells the version', async (t) => {
  const { app } = testApp();
  t.strictSame((await app.inject('/livez')).json(), { status: 'ok', version: '1.2.3' });
  t.equal((await app.inject({ method: 'HEAD', url: '/livez' })).statusCode, 200);
});

interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly tags?: string[];
  readonly requestBody?: { readonly required: boolean };
  readonly parameters?: readonly {
    readonly name: string;
    readonly description?: string;
    readonly example?: unknown;
    readonly examples?: object;
  }[];
  readonly responses: Record<
    string,
    { readonly description: string; readonly content?: Record<string, { schema: object }> }
  >;
}

interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly tags: readonly { readonly name: string }[];
  readonly components: {
    readonly schemas: Record<string, { readonly properties?: Record<string, Record<string, unknown>> }>;
  };
}

t.test('the OpenAPI document', async (t) => {
  const { app } = testApp();
  const answer = await app.inject('/openapi.json');
  const document = answer.json<Document>();

  t.test(
    'describes every route, each with what it answers on success, on mistakes and on failure',
    async (t) => {
      t.equal(document.openapi, '3.1.0');
      t.strictSame(Object.keys(document.paths).sort(), [
        '/livez',
        '/metrics',
        '/openapi.json',
        '/readyz',
        '/v1/admin/backups',
        '/v1/admin/backups/{id}',
        '/v1/admin/backups/{id}/download',
        '/v1/admin/backups/{id}/verify',
        '/v1/admin/cleanup',
        '/v1/admin/dead-letters',
        '/v1/admin/dead-letters/replay',
        '/v1/admin/dead-letters/{id}',
        '/v1/admin/dead-letters/{id}/replay',
        '/v1/admin/flush',
        '/v1/admin/runs',
        '/v1/admin/status',
        '/v1/calls',
        '/v1/calls/{call_id}',
        '/v1/calls/{call_id}/clicks',
        '/v1/calls/{call_id}/result',
        '/v1/events',
        '/v1/exports/calls',
        '/v1/exports/clicks',
        '/v1/exports/manifests/{id}',
        '/v1/stats',
      ]);
      for (const [path, operations] of Object.entries(document.paths)) {
        for (const [method, operation] of Object.entries(operations)) {
          const answers = Object.entries(operation.responses);
          for (const kind of ['2', '4', '5']) {
            const having = answers.filter(
              ([status, { content }]) =>
                status.startsWith(kind) && (content !== undefined || status === '204'),
            );
            t.ok(having.length > 0, `${method} ${path} has a schema for ${kind}xx`);
          }
          for (const [, { description }] of answers)
            t.not(description, 'Default Response', `${method} ${path}`);
          t.ok(operation.summary);
          t.ok(operation.tags?.length);
        }
      }
    },
  );

  t.test('names its components, and every reference leads to one', async (t) => {
    const names = Object.keys(document.components.schemas);
    t.notOk(names.some((name) => name.startsWith('def-')));
    const references = new Set(answer.payload.match(/"#\/components\/schemas\/[^"]+"/g));
    for (const reference of references) t.ok(names.includes(reference.slice(22, -1)), reference);
    t.notMatch(answer.payload, /"\$ref":"(?!#\/components\/schemas\/)/);
  });

  t.test('explains what can be read: every parameter and every field, with an example', async (t) => {
    for (const path of ['/v1/calls', '/v1/stats', '/v1/exports/calls', '/v1/exports/clicks']) {
      const parameters = document.paths[path]?.['get']?.parameters ?? [];
      t.ok(parameters.length > 13);
      for (const { name, description, example, examples } of parameters)
        t.ok(description && (example ?? examples), `${name} of ${path}`);
    }
    for (const schema of ['CallRow', 'StoredResult', 'StatisticsGroup', 'StatisticsTotal', 'ExportColumn']) {
      const fields = Object.entries(document.components.schemas[schema]?.properties ?? {});
      t.ok(fields.length > 3);
      for (const [name, field] of fields)
        t.ok(field['description'] && field['examples'], `${schema}.${name}`);
    }
  });

  t.test('has its tags in the order in which they are read', async (t) => {
    t.match(
      document.tags.map(({ name }) => name),
      ['events', 'calls', 'statistics', 'exports', 'admin', 'health', 'docs'],
    );
  });

  t.test('says which bodies may be absent', async (t) => {
    t.equal(document.paths['/v1/calls']?.['post']?.requestBody?.required, true);
    t.equal(document.paths['/v1/calls/{call_id}/clicks']?.['post']?.requestBody?.required, false);
    t.equal(document.paths['/v1/admin/flush']?.['post']?.requestBody?.required, false);
  });
});
