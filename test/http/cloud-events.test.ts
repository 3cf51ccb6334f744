import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { CloudEvent, emitterFor, httpTransport, Mode } from 'cloudevents';
import t from 'tap';
import { decodeRecord } from '../helpers/records.js';
import { listen, someCall, testApp } from '../helpers/app.js';
import { head, RawClient } from '../helpers/raw-client.js';
import { root } from '../helpers/program.js';

interface BatchAnswer {
  accepted: number;
  ids: (string | null)[];
  errors: { index: number; errors: { pointer: string; code: string; message: string }[] }[];
}

type Json = Readonly<Record<string, unknown>>;

const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
const batched = { 'content-type': 'application/cloudevents-batch+json' };
const withoutId = {
  'content-type': 'application/json',
  'ce-specversion': '1.0',
  'ce-source': 'odds-api',
  'ce-type': 'com.example.call',
};
const binary = { ...withoutId, 'ce-id': 'call-1' };

/** A call without what its envelope says. */
const bareCall = (changes: Json = {}): Json => someCall({ call_id: undefined, ...changes });

const envelope = (changes: Json = {}): Json => ({
  specversion: '1.0',
  id: 'call-1',
  source: 'odds-api',
  type: 'call',
  data: bareCall(),
  ...changes,
});

const { app, intake, budget } = testApp();
const port = await listen(app);
t.teardown(() => app.close());

/** What the spool was given since the last time. */
function takeRecords() {
  const { records } = intake;
  intake.records = [];
  return records.map((record) => decodeRecord(Buffer.from(record)));
}

async function send(headers: Record<string, string>, payload: unknown) {
  const body = Buffer.isBuffer(payload) ? payload : JSON.stringify(payload);
  const answer = await app.inject({ method: 'POST', url: '/v1/events', headers, payload: body });
  return { answer, records: takeRecords() };
}

/** The first mistake of a request, as "status pointer code". */
async function mistake(headers: Record<string, string>, payload: unknown): Promise<string> {
  const { answer, records } = await send(headers, payload);
  if (records.length > 0) return 'accepted';
  const { errors } = answer.json<{ errors: (Json & { errors?: Json[] })[] }>();
  const first = errors[0]?.errors?.[0] ?? errors[0];
  return `${answer.statusCode} ${String(first?.['pointer'])} ${String(first?.['code'])}`;
}

t.test('what the official SDK sends is taken in every mode, and is what was meant', async (t) => {
  const sink = `http://127.0.0.1:${port}/v1/events`;
  const lines = readFileSync(`${root}test/fixtures/events.ndjson`, 'utf8').trim().split('\n');
  // The fixture is ours, one event a line.
  const sent = lines.map((line) => JSON.parse(line) as Json);
  const events = sent.map(({ type, ...fields }) => {
    const own = type === 'call' ? 'call_id' : 'event_id';
    const { [own]: id, ...data } = fields;
    return new CloudEvent({ id: String(id), source: '/bots/one', type: `com.example.${String(type)}`, data });
  });

  for (const mode of [Mode.BINARY, Mode.STRUCTURED]) {
    const emit = emitterFor(httpTransport(sink), { mode });
    for (const event of events) await emit(event);
  }
  // The SDK reads batches and writes none: this is what it writes of each, in an array.
  const response = await fetch(sink, { method: 'POST', headers: batched, body: JSON.stringify(events) });
  t.equal(response.status, 202);

  const records = takeRecords();
  t.equal(records.length, 3 * events.length);
  for (const [index, { event, fingerprint }] of records.entries()) {
    const { type, ...expected } = sent[index % sent.length] ?? {};
    t.match(event, { type });
    const row: Json = { ...event.row };
    for (const field of ['call_id', 'event_id', 'odds_a', 'user_id', 'outcome', 'roi_percent'])
      if (expected[field] !== undefined) t.equal(row[field], expected[field]);
    t.strictSame(fingerprint, records[index % sent.length]?.fingerprint, 'the mode does not matter');
  }
});

t.test('an event is the same with and without an envelope: same fingerprint, so a duplicate', async (t) => {
  const time = '2025-10-22T07:01:19.5+02:00';
  for (const [type, plain, data] of [
    ['call', someCall({ sent_at: time, source: 'odds-api' }), bareCall()],
    [
      'click',
      { call_id: 'c', event_id: 'call-1', user_id: 'u1', clicked_at: time },
      { call_id: 'c', user_id: 'u1' },
    ],
    [
      'result',
      { call_id: 'c', event_id: 'call-1', outcome: 'push', settled_at: time },
      { call_id: 'c', outcome: 'push' },
    ],
  ] as const) {
    const expected = await send({ 'content-type': 'application/json' }, { type, ...plain });
    const event = envelope({ type: `org.bots.${type}`, time, data });
    for (const { answer, records } of [
      await send(structured, event),
      await send(batched, [event]),
      await send({ ...binary, 'ce-type': type, 'ce-time': time }, data),
    ]) {
      t.equal(answer.statusCode, 202, answer.payload);
      t.strictSame(answer.json(), { accepted: 1, rejected: 0, ids: ['call-1'], errors: [] });
      t.strictSame(records[0]?.fingerprint, expected.records[0]?.fingerprint);
      t.match(expected.records[0]?.event.row, { ...records[0]?.event.row, received_at: String });
    }
  }
});

t.test('what data states itself goes before the envelope', async (t) => {
  const data = bareCall({
    call_id: 'call-1',
    type: 'call',
    source: 'scanner',
    sent_at: '2025-10-22T05:00:00Z',
  });
  const { records } = await send(structured, envelope({ time: '2025-10-22T06:00:00Z', data }));
  t.match(records[0]?.event.row, {
    call_id: 'call-1',
    source: 'scanner',
    sent_at: '2025-10-22T05:00:00.000000Z',
  });
});

t.test('blank text is absent in data and in attributes that may be', async (t) => {
  const data = bareCall({ type: '', source: ' ', sent_at: '', sport: '\u200b' });
  const time = '2025-10-22T06:00:00.000000Z';
  const filled = await send(structured, envelope({ time, data }));
  t.match(filled.records[0]?.event.row, { source: 'odds-api', sent_at: time, sport: null });
  const blank = envelope({ time: ' ', datacontenttype: '', data: bareCall() });
  const plain = await send(structured, envelope());
  t.strictSame((await send(structured, blank)).records[0]?.fingerprint, plain.records[0]?.fingerprint);
  const inHeader = await send({ ...binary, 'ce-time': '' }, bareCall());
  t.strictSame(inHeader.records[0]?.fingerprint, plain.records[0]?.fingerprint);
  const books = [envelope({ data: bareCall({ book_a: ' ' }) }), envelope({ data: bareCall({ book_b: '' }) })];
  t.match((await send(batched, books)).answer.json(), {
    errors: [
      { errors: [{ pointer: '/data/book_a', code: 'blank' }] },
      { errors: [{ pointer: '/data/book_b' }] },
    ],
  });
});

t.test('gzip, extensions, null attributes and ?wait=stored are as everywhere', async (t) => {
  const event = envelope({ subject: 'x', traceparent: '00-1', partition: 3, time: null, data_base64: null });
  const zipped = await send({ ...structured, 'content-encoding': 'gzip' }, gzipSync(JSON.stringify(event)));
  t.equal(zipped.answer.statusCode, 202, zipped.answer.payload);
  t.equal(budget.usedBytes, 0);

  intake.outcomes = ['stored'];
  const url = '/v1/events?wait=stored';
  const waited = await app.inject({
    method: 'POST',
    url,
    headers: batched,
    payload: JSON.stringify([event]),
  });
  t.equal(waited.statusCode, 200);
  t.match(waited.json(), { ids: ['call-1'], statuses: ['stored'] });
  takeRecords();
});

t.test('one bad CloudEvent of a batch costs only itself', async (t) => {
  const { answer, records } = await send(batched, [
    envelope(),
    'nonsense',
    envelope({ id: 'b', type: 'com.example.alert' }),
    envelope({ id: 'c' }),
  ]);
  t.equal(answer.statusCode, 207);
  const { ids, errors } = answer.json<BatchAnswer>();
  t.strictSame(ids, ['call-1', null, null, 'c']);
  t.match(errors, [
    { index: 1, errors: [{ pointer: '', code: 'not_an_object' }] },
    { index: 2, errors: [{ pointer: '/type', code: 'not_allowed', message: /com\.example\.alert/ }] },
  ]);
  t.equal(records.length, 2);
});

t.test('headers of binary mode are unquoted and percent-decoded, once', async (t) => {
  const ids = async (id: string) =>
    (await send({ ...binary, 'ce-id': id }, bareCall())).answer.json<BatchAnswer>().ids;
  t.strictSame(await ids('%C3%A4%F0%9F%98%80'), ['ä😀']);
  t.strictSame(await ids('"q\\"%41"'), ['q"A']);
  t.strictSame(await ids(Buffer.from('ä').toString('latin1')), ['ä']);
  const { records } = await send({ ...binary, 'ce-source': '/a%2520b' }, bareCall());
  t.match(records[0]?.event.row, { source: '/a%20b' });
});

const broken: readonly (readonly [string, string, Json])[] = [
  ['another version', '422 /specversion not_allowed', { specversion: '0.3' }],
  ['no version', '422 /specversion required', { specversion: undefined }],
  ['a version that is a number', '422 /specversion wrong_type', { specversion: 1 }],
  ['no id', '422 /id required', { id: undefined }],
  ['an empty id', '422 /id required', { id: '' }],
  ['an id that cannot be one', '422 /id invalid_id', { id: 'a b' }],
  ['no source', '422 /source required', { source: null }],
  ['an empty source', '422 /source required', { source: '' }],
  ['a blank source', '422 /source required', { source: ' \u200b' }],
  ['a source too long to keep', '422 /source too_long', { source: 'x'.repeat(257) }],
  ['no type', '422 /type required', { type: undefined }],
  ['an unknown type', '422 /type not_allowed', { type: 'com.example.call.created' }],
  ['a type that only ends like one', '422 /type not_allowed', { type: 'recall' }],
  ['a time of nanoseconds', '422 /time invalid_time', { time: '2025-10-22T05:01:19.123456789Z' }],
  ['a time far ahead', '422 /time in_the_future', { time: '2999-01-01T00:00:00Z' }],
  ['a time that is a number', '422 /time wrong_type', { time: 1 }],
  ['data in bytes', '422 /data_base64 not_allowed', { data: undefined, data_base64: 'e30=' }],
  ['no data', '422 /data required', { data: undefined }],
  ['data that is text', '422 /data not_an_object', { data: '{}' }],
  ['data that is a list', '422 /data not_an_object', { data: [] }],
  ['data in XML', '422 /datacontenttype not_allowed', { datacontenttype: 'text/xml' }],
  ['another id in data', '422 /data/call_id id_mismatch', { data: bareCall({ call_id: 'other' }) }],
  ['another type in data', '422 /data/type not_allowed', { data: bareCall({ type: 'click' }) }],
  ['a mistake in data', '422 /data/odds_a wrong_type', { data: bareCall({ odds_a: '1' }) }],
  ['an unknown field in data', '422 /data/odds unknown_field', { data: bareCall({ odds: 1 }) }],
  ['a click of no call', '422 /data/call_id required', { type: 'click', data: {} }],
  [
    'a source in a click',
    '422 /data/source unknown_field',
    { type: 'click', data: { call_id: 'c', source: 'x' } },
  ],
  ['an empty result', '422 /data empty_result', { type: 'result', data: { call_id: 'c' } }],
];

t.test('a wrong envelope is told by the attribute, a wrong event by its place in data', async (t) => {
  for (const [title, expected, changes] of broken) {
    t.equal(await mistake(structured, envelope(changes)), expected, title);
    t.equal(await mistake(batched, [envelope(changes)]), expected, `${title}, in a batch`);
  }
  for (const contentType of ['application/json; charset=utf-8', 'text/json', 'application/vnd.bot+json'])
    t.equal(await mistake(structured, envelope({ datacontenttype: contentType })), 'accepted');
  const several = await send(structured, { data: bareCall() });
  t.strictSame(
    several.answer.json<BatchAnswer>().errors[0]?.errors.map(({ pointer }) => pointer),
    ['/specversion', '/id', '/source', '/type'],
    'all that is missing at once',
  );
});

t.test('in binary mode the mistake is told by the header', async (t) => {
  t.equal(await mistake(withoutId, bareCall()), '422 header:ce-id required');
  t.equal(
    await mistake({ 'content-type': 'application/json', 'ce-id': 'x' }, bareCall()),
    '422 header:ce-specversion required',
  );
  t.equal(
    await mistake({ ...binary, 'ce-specversion': '2.0' }, bareCall()),
    '422 header:ce-specversion not_allowed',
  );
  t.equal(await mistake({ ...binary, 'ce-time': 'now' }, bareCall()), '422 header:ce-time invalid_time');
  t.equal(await mistake({ ...binary, 'ce-id': '%C0%A0' }, bareCall()), '400 header:ce-id malformed_header');
  t.equal(await mistake({ ...binary, 'ce-id': '100%' }, bareCall()), '400 header:ce-id malformed_header');
  t.equal(await mistake(binary, bareCall({ odds_a: '1' })), '422 /odds_a wrong_type');
  t.equal(await mistake(binary, bareCall({ call_id: 'other' })), '422 /call_id id_mismatch');
  t.equal(await mistake(binary, [bareCall()]), '422  not_an_object');
  t.equal(await mistake({ ...binary, 'idempotency-key': 'other' }, bareCall()), '422 /call_id id_mismatch');
  t.equal(
    await mistake({ ...binary, 'content-type': 'application/x-ndjson' }, bareCall()),
    '415 header:content-type unsupported_media_type',
  );
});

t.test('an attribute that is there twice is not read as one', async (t) => {
  const client = new RawClient(port);
  const twice = head('/v1/events', { ...binary, 'Ce-Source': 'other', 'content-length': 2 });
  await client.send(`${twice}{}`);
  t.match(await client.answer(), { status: 400, body: /"header:ce-source","code":"duplicate_header"/ });
  client.destroy();
});

t.test('a body that is not what its content type says is refused as a whole', async (t) => {
  t.equal(await mistake(structured, [envelope()]), '400  wrong_type');
  t.equal(await mistake(batched, envelope()), '400  wrong_type');
  t.equal(await mistake(batched, []), '400  empty_body');
  t.equal(await mistake(structured, Buffer.from('{')), '400  malformed_json');
  t.equal(
    await mistake({ ...batched, 'idempotency-key': 'k' }, [envelope()]),
    '400 header:idempotency-key not_allowed',
  );
  t.equal(
    await mistake({ 'content-type': 'application/cloudevents+avro' }, envelope()),
    '415 header:content-type unsupported_media_type',
  );
});
