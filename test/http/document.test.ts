import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { exportDocument } from '../../src/cli/export-openapi/document.js';
import { version } from '../../src/config/version.js';
import { scopes } from '../../src/config/keys.js';
import { operationsOf, type Media, type Parameter, type Schema } from '../../src/http/document/model.js';
import { SECURITY_HEADERS } from '../../src/http/plugins/foreign-pages.js';
import { testApp, uncheckedApp } from '../helpers/app.js';
import { Contract, documentOf } from '../helpers/contract.js';
import { idleUpkeep } from '../helpers/upkeep.js';
import { root } from '../helpers/program.js';

const { app } = testApp();
await app.ready();
const document = documentOf(app);
const { components } = document;

/** What a client author calls, in reading order. */
const operations = `
sendCall             POST   /v1/calls
listCalls            GET    /v1/calls
sendClick            POST   /v1/calls/{call_id}/clicks
sendResult           POST   /v1/calls/{call_id}/result
sendEvents           POST   /v1/events
getCall              GET    /v1/calls/{call_id}
getStatistics        GET    /v1/stats
exportCalls          GET    /v1/exports/calls
exportClicks         GET    /v1/exports/clicks
getExportManifest    GET    /v1/exports/manifests/{id}
getStatus            GET    /v1/admin/status
flush                POST   /v1/admin/flush
cleanUp              POST   /v1/admin/cleanup
startBackup          POST   /v1/admin/backups
listBackups          GET    /v1/admin/backups
getBackup            GET    /v1/admin/backups/{id}
deleteBackup         DELETE /v1/admin/backups/{id}
downloadBackup       GET    /v1/admin/backups/{id}/download
verifyBackup         POST   /v1/admin/backups/{id}/verify
listDeadLetters      GET    /v1/admin/dead-letters
deleteDeadLetter     DELETE /v1/admin/dead-letters/{id}
replayDeadLetter     POST   /v1/admin/dead-letters/{id}/replay
replayDeadLetters    POST   /v1/admin/dead-letters/replay
listRuns             GET    /v1/admin/runs
getLiveness          GET    /livez
getReadiness         GET    /readyz
getMetrics           GET    /metrics
getOpenApiJson       GET    /openapi.json
getOpenApiYaml       GET    /openapi.yaml
getPythonSender      GET    /clients/call_logger.py
`;

t.test('every operation has the name that clients call it by', async (t) => {
  const found = operationsOf(document).map(
    ({ method, path, operation }) => `${operation.operationId ?? ''} ${method.toUpperCase()} ${path}`,
  );
  t.strictSame(
    found,
    operations
      .trim()
      .split('\n')
      .map((line) => line.replace(/ +/g, ' ')),
  );
});

t.test('every operation says what it answers on success, on mistakes and on failure', async (t) => {
  for (const { operation } of operationsOf(document)) {
    const statuses = Object.keys(operation.responses);
    for (const kind of ['2', '4', '5'])
      t.ok(
        statuses.some((status) => status.startsWith(kind)),
        `${String(operation.operationId)}: ${kind}xx`,
      );
    for (const response of Object.values(operation.responses)) {
      if ('$ref' in response) continue;
      t.not(response.description, 'Default Response');
    }
  }
});

t.test('tags stand in the order in which they are read', async (t) => {
  const { tags } = app.swagger();
  t.strictSame(
    tags?.map(({ name }) => name),
    ['events', 'calls', 'statistics', 'exports', 'admin', 'health', 'docs'],
  );
});

t.test('components have names, and every reference leads to one', async (t) => {
  t.notOk(Object.keys(components.schemas).some((name) => name.startsWith('def-')));
  const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g);
  const places = new Set([...references].map(([, place = '']) => place));
  t.ok(places.size > 40);
  for (const place of places) {
    const [, root, kind = '', name = ''] = place.split('/');
    t.equal(root, 'components', place);
    const members: unknown = Object.entries(components).find(([key]) => key === kind)?.[1];
    t.ok(typeof members === 'object' && members !== null && name in members, place);
  }
});

t.test('every parameter and every field is explained, with an example', async (t) => {
  const parameters = operationsOf(document).flatMap(({ operation }) => operation.parameters ?? []);
  t.ok(parameters.length > 80);
  for (const parameter of parameters) {
    if ('$ref' in parameter) continue;
    const { name, description, example, examples } = parameter as Parameter & Record<string, unknown>;
    if (!description || (example ?? examples) === undefined) t.fail(`the parameter ${name}`);
  }
  let fields = 0;
  const explained = (name: string, schema: Schema & { readonly description?: string }): void => {
    for (const [field, member] of Object.entries(schema.properties ?? {})) {
      fields++;
      explained(`${name}.${field}`, member);
    }
    const speaksForItself = schema.$ref !== undefined || schema.const !== undefined;
    const isPart = schema.properties !== undefined && name.includes('.');
    if (schema.description === undefined && !speaksForItself && !isPart) t.fail(`${name} has no description`);
  };
  for (const [name, schema] of Object.entries(components.schemas)) explained(name, schema);
  t.ok(fields > 250);
});

t.test('every JSON body has an example, and those of requests are taken', async (t) => {
  const missing: string[] = [];
  const note = (name: string, content: Readonly<Record<string, Media>> = {}): void => {
    for (const [type, { example, examples }] of Object.entries(content)) {
      if (type.endsWith('/json') && example === undefined && examples === undefined)
        missing.push(`${name} ${type}`);
    }
  };
  let taken = 0;
  for (const { method, path, operation } of operationsOf(document)) {
    const name = String(operation.operationId);
    note(name, operation.requestBody?.content);
    for (const [status, response] of Object.entries(operation.responses))
      if (!('$ref' in response)) note(`${name} ${status}`, response.content);
    for (const [type, { examples = {} }] of Object.entries(operation.requestBody?.content ?? {})) {
      for (const example of Object.values(examples)) {
        const { value } = example as { readonly value: object | string };
        const answer = await app.inject({
          method: method === 'post' ? 'POST' : 'GET',
          url: path.replace('{call_id}', 'oa-NHL-20251022-cd7d985f34'),
          headers: { 'content-type': type },
          payload: value,
        });
        t.match(answer.statusCode, /^20[02]$/, `${name}: ${answer.payload}`);
        taken++;
      }
    }
  }
  t.strictSame(missing, []);
  t.ok(taken >= 12);
});

t.test('the key that an operation asks for opens it, and that of another scope does not', async (t) => {
  const keys = scopes.map((scope) => ({ name: scope, scope, secret: `${scope}-secret-of-16` }));
  const { app } = testApp({ keys });
  for (const { method, path, operation } of operationsOf(document)) {
    const named = operation.security?.flatMap((requirement) => Object.values(requirement).flat()) ?? [];
    for (const { scope, secret } of keys) {
      const { statusCode } = await app.inject({
        method: method === 'post' ? 'POST' : method === 'delete' ? 'DELETE' : 'GET',
        url: path.replace(/\{\w+\}/, 'x'),
        headers: { authorization: `Bearer ${secret}` },
      });
      const opens = named.length === 0 || named.includes(scope) || scope === 'admin';
      t.equal(statusCode !== 403, opens, `${String(operation.operationId)} with the ${scope} key`);
    }
    const { statusCode } = await app.inject({
      method: method === 'post' ? 'POST' : method === 'delete' ? 'DELETE' : 'GET',
      url: path.replace(/\{\w+\}/, 'x'),
    });
    t.equal(statusCode === 401, named.length > 0, `${String(operation.operationId)} without a key`);
  }
});

t.test('says which bodies may be absent', async (t) => {
  const mayBeAbsent = operationsOf(document)
    .filter(({ operation }) => operation.requestBody?.required === false)
    .map(({ operation }) => operation.operationId);
  t.strictSame(mayBeAbsent, ['sendClick', 'flush', 'cleanUp']);
});

t.test('names headers and tells the events of a batch apart as OpenAPI wants it', async (t) => {
  const names = operationsOf(document)
    .flatMap(({ operation }) => operation.parameters ?? [])
    .flatMap((parameter) => ('in' in parameter && parameter.in === 'header' ? [parameter.name] : []));
  t.strictSame([...new Set(names)].sort(), [
    'Accept-Encoding',
    'Ce-Id',
    'Ce-Source',
    'Ce-Specversion',
    'Ce-Time',
    'Ce-Type',
    'Content-Encoding',
    'Idempotency-Key',
    'If-None-Match',
    'If-Range',
    'Range',
  ]);
  t.strictSame(components.schemas['Event']?.discriminator?.mapping, {
    call: '#/components/schemas/CallEvent',
    click: '#/components/schemas/ClickEvent',
    result: '#/components/schemas/ResultEvent',
  });
});

t.test('as YAML it says the same', async (t) => {
  const answer = await app.inject('/openapi.yaml');
  t.strictSame(parse(answer.payload), (await app.inject('/openapi.json')).json());
});

t.test('openapi/ is what the code says: npm run openapi', async (t) => {
  const exported = await exportDocument();
  const committed = (name: string): string => readFileSync(`${root}openapi/${name}`, 'utf8');
  t.ok(committed('openapi.json') === exported.json, 'openapi.json is up to date');
  t.ok(committed('openapi.yaml') === exported.yaml, 'openapi.yaml is up to date');
  t.match(exported.json, `"version": "${version}"`);
  t.strictSame((await exportDocument()).json, exported.json, 'it is the same every time');
});

t.test('what is not in the document is noticed in an answer', async (t) => {
  const contract = new Contract(document);
  const problem = {
    type: 'urn:call-logger:problem:call_not_found',
    title: 't',
    status: 404,
    detail: 'd',
    request_id: 'r',
    errors: [],
  };
  const right = {
    method: 'GET',
    url: '/v1/calls/c?x=1',
    status: 404,
    headers: {
      'x-request-id': 'r',
      'content-type': 'application/problem+json',
      date: 'now',
      ...SECURITY_HEADERS,
    },
    body: JSON.stringify(problem),
  };
  const body = (changes: object): string => JSON.stringify({ ...problem, ...changes });
  t.strictSame(contract.judge(right), []);
  const cases: [Partial<typeof right>, RegExp][] = [
    [{ status: 410 }, /a status that is not in the document/],
    [{ headers: { ...right.headers, 'x-new': '1' } as typeof right.headers }, /undeclared header x-new/],
    [{ headers: { ...right.headers, 'content-type': 'text/html' } }, /content type .* text\/html/],
    [{ status: 503 }, /lacks the header retry-after/],
    [{ body: body({ status: '404' }) }, /wrong body: \/status must be integer/],
    [{ body: body({ errors: [{ pointer: '' }] }) }, /wrong body: \/errors\/0 must have required/],
    [{ body: body({ hint: 'h' }) }, /wrong body:  must not have additional properties/],
    [
      { body: body({ type: 'urn:call-logger:problem:no_retention' }) },
      /a problem that is not in the document/,
    ],
    [{ headers: { ...right.headers, 'x-content-type-options': '' } }, /lacks the header x-content-type/],
    [{ method: 'PUT', status: 405 }, /lacks the header allow/],
    [{ method: 'OPTIONS', status: 204 }, /lacks the header allow/],
  ];
  for (const [changes, complaint] of cases)
    t.match(contract.judge({ ...right, ...changes }).join('\n'), complaint, complaint.source);
});

t.test('a field that is not in the document is answered all the same, and noticed', async (t) => {
  const { cleanUp } = idleUpkeep();
  const { app } = uncheckedApp({
    upkeep: idleUpkeep({ cleanUp: async (question) => ({ ...(await cleanUp(question)), vacuumed: 3 }) }),
  });
  const asked = { method: 'POST', url: '/v1/admin/cleanup' } as const;
  const { statusCode, headers, payload } = await app.inject(asked);
  t.match(JSON.parse(payload), { vacuumed: 3 });
  const complaints = new Contract(document).judge({ ...asked, status: statusCode, headers, body: payload });
  t.match(complaints.join('\n'), /wrong body: \/vacuumed /);
});
