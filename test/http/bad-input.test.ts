import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { someCall, testApp } from '../helpers/app.js';

interface Answer {
  status: number;
  type: string;
  detail: string;
  errors: { pointer: string; code: string; message: string }[];
}

const { app, intake, budget } = testApp();
t.teardown(() => app.close());

const json = { 'content-type': 'application/json' };
const ndjson = { 'content-type': 'application/x-ndjson' };
const gzip = { 'content-encoding': 'gzip' };
const aCall = JSON.stringify(someCall());
const MIB = 1024 * 1024;

interface Case {
  title: string;
  url?: string;
  headers?: Record<string, string>;
  payload?: string | Buffer;
  status: number;
  pointer?: string;
  code?: string;
}

const single: Case[] = [
  { title: 'malformed JSON', payload: '{"call_id": "a",}', status: 400, pointer: '', code: 'malformed_json' },
  {
    title: 'JSON that ends too early',
    payload: '{"call_id"',
    status: 400,
    pointer: '',
    code: 'malformed_json',
  },
  { title: 'two JSON values', payload: '{}{}', status: 400, pointer: '', code: 'malformed_json' },
  { title: 'NaN', payload: aCall.replace('110', 'NaN'), status: 400, pointer: '', code: 'malformed_json' },
  { title: 'an array', payload: `[${aCall}]`, status: 400, pointer: '', code: 'not_an_object' },
  { title: 'null', payload: 'null', status: 400, pointer: '', code: 'not_an_object' },
  {
    title: 'a number as a string',
    payload: JSON.stringify(someCall({ odds_a: '110' })),
    status: 400,
    pointer: '/odds_a',
    code: 'wrong_type',
  },
  {
    title: 'an unknown field',
    payload: JSON.stringify(someCall({ bookmaker_a: 'x' })),
    status: 400,
    pointer: '/bookmaker_a',
    code: 'unknown_field',
  },
  {
    title: '__proto__ as a field',
    payload: aCall.replace('{', '{"__proto__":{"odds_a":5},'),
    status: 400,
    pointer: '/__proto__',
    code: 'unknown_field',
  },
  {
    title: 'U+0000',
    payload: JSON.stringify(someCall({ sport: 'a\u0000b' })),
    status: 400,
    pointer: '/sport',
    code: 'invalid_character',
  },
  {
    title: 'U+0000 in raw',
    payload: JSON.stringify(someCall({ raw: { a: ['\u0000'] } })),
    status: 400,
    pointer: '/raw/a/0',
    code: 'invalid_character',
  },
  {
    title: 'a lone surrogate',
    payload: aCall.replace('tennis', 'ten\\ud800nis'),
    status: 400,
    pointer: '/sport',
    code: 'invalid_character',
  },
  {
    title: '1e999',
    payload: aCall.replace('110', '1e999'),
    status: 400,
    pointer: '/odds_a',
    code: 'not_finite',
  },
  {
    title: 'American odds of 50',
    payload: JSON.stringify(someCall({ odds_a: 50 })),
    status: 422,
    pointer: '/odds_a',
    code: 'invalid_odds',
  },
  {
    title: 'an arbitrage without book_b',
    payload: JSON.stringify(someCall({ book_b: undefined })),
    status: 422,
    pointer: '/book_b',
    code: 'required_for_call_type',
  },
  {
    title: 'invalid UTF-8',
    payload: Buffer.concat([Buffer.from('{"sport":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
    status: 400,
    pointer: '',
    code: 'malformed_utf8',
  },
  {
    title: 'JSON nested 100,000 deep',
    payload: aCall.replace('{', `{"raw":${'['.repeat(100_000)}${']'.repeat(100_000)},`),
    status: 400,
    pointer: '/raw',
    code: 'wrong_type',
  },
  {
    title: 'an object nested 10,000 deep',
    payload: aCall.replace('{', `{"raw":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)},`),
    status: 400,
    code: 'too_deep',
  },
  {
    title: '1.1 MiB of JSON',
    payload: `{"call_id":"${'a'.repeat(1.1 * MIB)}"}`,
    status: 413,
    pointer: '',
    code: 'body_too_large',
  },
  {
    title: 'a gzip bomb',
    headers: { ...json, ...gzip },
    payload: gzipSync(Buffer.alloc(100 * MIB, ' ')),
    status: 413,
    pointer: '',
    code: 'body_too_large',
  },
  {
    title: 'half a gzip stream',
    headers: { ...json, ...gzip },
    payload: gzipSync(aCall).subarray(0, 60),
    status: 400,
    pointer: '',
    code: 'malformed_gzip',
  },
  {
    title: 'gzip that is none',
    headers: { ...json, ...gzip },
    payload: aCall,
    status: 400,
    pointer: '',
    code: 'malformed_gzip',
  },
  {
    title: 'another content encoding',
    headers: { ...json, 'content-encoding': 'br' },
    payload: aCall,
    status: 415,
    pointer: 'header:content-encoding',
  },
  {
    title: 'a wrong content type',
    headers: { 'content-type': 'text/plain' },
    payload: aCall,
    status: 415,
    pointer: 'header:content-type',
  },
  {
    title: 'no content type',
    headers: {},
    payload: Buffer.from(aCall),
    status: 415,
    pointer: 'header:content-type',
  },
  {
    title: 'a content type that is none',
    headers: { 'content-type': '/' },
    payload: aCall,
    status: 415,
    pointer: 'header:content-type',
  },
  {
    title: 'another charset',
    headers: { 'content-type': 'application/json; charset=latin1' },
    payload: aCall,
    status: 415,
    pointer: 'header:content-type',
  },
  {
    title: 'NDJSON for one event',
    headers: ndjson,
    payload: aCall,
    status: 415,
    pointer: 'header:content-type',
  },
  { title: 'an empty body', payload: '', status: 400, pointer: '', code: 'empty_body' },
  { title: 'no body', headers: {}, status: 400, pointer: '', code: 'empty_body' },
  {
    title: 'an empty result',
    url: '/v1/calls/c/result',
    headers: {},
    status: 400,
    pointer: '',
    code: 'empty_body',
  },
  {
    title: 'a click on another call than the path says',
    url: '/v1/calls/c/clicks',
    payload: '{"call_id":"d"}',
    status: 422,
    pointer: '/call_id',
    code: 'id_mismatch',
  },
  {
    title: 'a path id with a slash',
    url: '/v1/calls/a%2Fb/clicks',
    headers: {},
    status: 400,
    pointer: 'path:call_id',
    code: 'invalid_id',
  },
  {
    title: 'a path id with a percent sign',
    url: '/v1/calls/a%2525b/clicks',
    headers: {},
    status: 400,
    pointer: 'path:call_id',
    code: 'invalid_id',
  },
  {
    title: 'a path id of 129 characters',
    url: `/v1/calls/${encodeURIComponent('😀'.repeat(129))}/clicks`,
    headers: {},
    status: 400,
    pointer: 'path:call_id',
    code: 'invalid_id',
  },
  { title: 'a path that is no UTF-8', url: '/v1/calls/%ff/clicks', headers: {}, status: 400 },
  { title: 'a broken percent-encoding', url: '/v1/calls/%zz/clicks', headers: {}, status: 400 },
  {
    title: 'an Idempotency-Key that is no id',
    headers: { ...json, 'idempotency-key': 'a b' },
    payload: aCall,
    status: 400,
    pointer: 'header:idempotency-key',
    code: 'invalid_id',
  },
  {
    title: 'an Idempotency-Key that contradicts the id',
    headers: { ...json, 'idempotency-key': 'other' },
    payload: aCall,
    status: 422,
    pointer: '/call_id',
    code: 'id_mismatch',
  },
  {
    title: 'an unknown query parameter',
    url: '/v1/calls?wiat=stored',
    payload: aCall,
    status: 400,
    pointer: 'query:wiat',
    code: 'unknown_field',
  },
  {
    title: 'an unknown value of wait',
    url: '/v1/calls?wait=1',
    payload: aCall,
    status: 400,
    pointer: 'query:wait',
    code: 'not_allowed',
  },
  {
    title: 'wait twice',
    url: '/v1/calls?wait=stored&wait=stored',
    payload: aCall,
    status: 400,
    pointer: 'query:wait',
    code: 'wrong_type',
  },
];

const anEvent = JSON.stringify({ type: 'call', ...someCall() });
const lines = (count: number) => `${anEvent}\n`.repeat(count);

const batches: Case[] = [
  { title: 'an empty array', payload: '[]', status: 400, pointer: '', code: 'empty_body' },
  { title: 'no events', payload: '{"events":[]}', status: 400, pointer: '', code: 'empty_body' },
  {
    title: 'only blank lines',
    headers: ndjson,
    payload: '\n \r\n\t\n',
    status: 400,
    pointer: '',
    code: 'empty_body',
  },
  {
    title: 'an empty NDJSON body',
    headers: ndjson,
    payload: '',
    status: 400,
    pointer: '',
    code: 'empty_body',
  },
  { title: 'no body at all', headers: {}, status: 400, pointer: '', code: 'empty_body' },
  { title: 'a number', payload: '17', status: 400, pointer: '', code: 'wrong_type' },
  {
    title: 'events that are no array',
    payload: '{"events":{}}',
    status: 400,
    pointer: '/events',
    code: 'wrong_type',
  },
  {
    title: 'something beside events',
    payload: `{"events":[${anEvent}],"source":"x"}`,
    status: 400,
    pointer: '/source',
    code: 'unknown_field',
  },
  { title: 'malformed JSON', payload: `[${anEvent}`, status: 400, pointer: '', code: 'malformed_json' },
  {
    title: '10,001 events as JSON',
    payload: JSON.stringify(new Array(10_001).fill({})),
    status: 413,
    pointer: '',
    code: 'too_many_events',
  },
  {
    title: '10,001 events as NDJSON',
    headers: ndjson,
    payload: lines(10_001),
    status: 413,
    pointer: '',
    code: 'too_many_events',
  },
  {
    title: '17 MiB of NDJSON',
    headers: ndjson,
    payload: `{"type":"call","raw":"${'x'.repeat(MIB - 100)}"}\n`.repeat(17),
    status: 413,
    pointer: '',
    code: 'body_too_large',
  },
  {
    title: '17 MiB of NDJSON in a gzip of few bytes',
    headers: { ...ndjson, ...gzip },
    payload: gzipSync('\n'.repeat(17 * MIB)),
    status: 413,
    pointer: '',
    code: 'body_too_large',
  },
  {
    title: '1.1 MiB of JSON',
    payload: `[${anEvent},${' '.repeat(1.1 * MIB)}${anEvent}]`,
    status: 413,
    pointer: '',
    code: 'body_too_large',
  },
  {
    title: 'an Idempotency-Key for an array',
    headers: { ...json, 'idempotency-key': 'a' },
    payload: `[${anEvent}]`,
    status: 400,
    pointer: 'header:idempotency-key',
    code: 'not_allowed',
  },
  {
    title: 'an Idempotency-Key for NDJSON',
    headers: { ...ndjson, 'idempotency-key': 'a' },
    payload: anEvent,
    status: 400,
    pointer: 'header:idempotency-key',
    code: 'not_allowed',
  },
  {
    title: 'form data',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: 'a=b',
    status: 415,
    pointer: 'header:content-type',
  },
];

async function check(t: Test, { url, headers, payload, status, pointer, code }: Case): Promise<void> {
  const answer = await app.inject({
    method: 'POST',
    url: url ?? '/v1/calls',
    headers: headers ?? json,
    ...(payload === undefined ? {} : { payload }),
  });
  t.equal(answer.statusCode, status, answer.payload.slice(0, 300));
  t.equal(answer.headers['content-type'], 'application/problem+json');
  const problem = answer.json<Answer & { request_id: string; title: string }>();
  t.equal(problem.status, status);
  t.match(problem.type, /^urn:call-logger:problem:/);
  t.equal(problem.request_id, answer.headers['x-request-id']);
  t.ok(problem.title);
  t.ok(problem.detail);
  if (pointer !== undefined) t.equal(problem.errors[0]?.pointer, pointer);
  if (code !== undefined) t.equal(problem.errors[0]?.code, code);
  t.equal(intake.appends, 0, 'nothing is taken');
  t.equal(budget.usedBytes, 0, 'nothing is held');
}

t.test('one event', async (t) => {
  for (const row of single) await t.test(`${row.title} is refused with ${row.status}`, (t) => check(t, row));
});

t.test('many events', async (t) => {
  for (const row of batches) {
    await t.test(`${row.title} is refused with ${row.status}`, (t) =>
      check(t, { url: '/v1/events', ...row }),
    );
  }
});

t.test(
  'an event nested beyond all reason costs only itself, and the others of its batch are taken',
  async (t) => {
    const event = aCall.replace('{', '{"type":"call",');
    const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
    for (const nested of [
      aCall.replace('{', `{"type":"call","raw":${deep},`),
      '['.repeat(20_000) + ']'.repeat(20_000),
    ]) {
      for (const [headers, payload] of [
        [json, `[${event},${nested}]`],
        [json, `{"events":[${event},${nested}]}`],
        [ndjson, `${event}\n${nested}`],
      ] as const) {
        const response = await app.inject({ method: 'POST', url: '/v1/events', headers, payload });
        t.equal(response.statusCode, 207);
        t.match(response.json(), { accepted: 1, rejected: 1, errors: [{ index: 1 }] });
      }
    }
  },
);
