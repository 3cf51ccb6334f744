import { gzipSync } from 'node:zlib';
import t from 'tap';
import { ThreadedJudging } from '../../src/http/judging/threaded-judging.js';
import { decodeRecord } from '../helpers/records.js';
import { codedError, someCall, testApp } from '../helpers/app.js';

const json = { 'content-type': 'application/json' };
const ndjson = { 'content-type': 'application/x-ndjson' };
const event = (changes: Record<string, unknown> = {}) => ({ type: 'call', ...someCall(changes) });

interface BatchAnswer {
  accepted: number;
  rejected: number;
  ids: (string | null)[];
  errors: { index: number; errors: { pointer: string; code: string }[] }[];
  statuses?: (string | null)[];
}

function decoded(records: readonly Uint8Array[]) {
  return records.map((record) => decodeRecord(Buffer.from(record)));
}

t.test('one event', async (t) => {
  t.test('a call gets 202, its id, where it will be, and is kept with the bytes as received', async (t) => {
    const { app, intake, budget } = testApp();
    const payload = ` ${JSON.stringify(someCall({ call_id: 'ä+;=@:&$,!', odds_a: 110.10000000000001 }))}\n`;
    const answer = await app.inject({ method: 'POST', url: '/v1/calls', headers: json, payload });
    t.equal(answer.statusCode, 202);
    t.strictSame(answer.json(), { call_id: 'ä+;=@:&$,!' });
    t.equal(answer.headers.location, `/v1/calls/${encodeURIComponent('ä+;=@:&$,!')}`);
    const [record] = decoded(intake.records);
    t.equal(record?.payload.toString(), payload);
    t.match(record?.event, { type: 'call', row: { odds_a: 110.10000000000001, source: null } });
    t.equal(budget.usedBytes, 0);
  });

  t.test('clicks and results get both ids, and the id of the path is decoded once', async (t) => {
    const { app, intake } = testApp();
    const id = '😀;v=1&x'.repeat(18).slice(0, 120);
    const click = await app.inject({
      method: 'POST',
      url: `/v1/calls/${encodeURIComponent(id)}/clicks`,
      payload: { event_id: 'e1' },
    });
    t.equal(click.statusCode, 202);
    t.strictSame(click.json(), { event_id: 'e1', call_id: id });
    const result = await app.inject({
      method: 'POST',
      url: '/v1/calls/c/result',
      payload: { outcome: 'push' },
    });
    t.equal(result.statusCode, 202);
    t.match(result.json(), { event_id: /^[0-9a-f-]{36}$/, call_id: 'c' });
    t.match(decoded(intake.records), [
      { event: { type: 'click', row: { call_id: id } } },
      { event: { type: 'result', row: { outcome: 'push' } } },
    ]);
  });

  t.test('an empty body is a click, whatever its content type', async (t) => {
    for (const headers of [
      {},
      json,
      { 'content-type': 'text/plain' },
      { ...json, 'content-encoding': 'identity' },
    ]) {
      const { app, intake } = testApp();
      const answer = await app.inject({ method: 'POST', url: '/v1/calls/c/clicks', headers, payload: '' });
      t.equal(answer.statusCode, 202, answer.payload);
      t.match(decoded(intake.records), [{ event: { type: 'click', row: { call_id: 'c', action: 'bet' } } }]);
    }
  });

  t.test('gzip, a byte order mark and a stated charset change nothing', async (t) => {
    const { app, intake } = testApp();
    const text = JSON.stringify(someCall());
    const withMark = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]);
    for (const [headers, payload] of [
      [{ ...json, 'content-encoding': 'gzip' }, gzipSync(text)],
      [{ ...json, 'content-encoding': 'GZIP' }, gzipSync(withMark)],
      [{ 'content-type': 'application/json; charset="UTF-8"' }, withMark],
      [{ 'content-type': 'Application/JSON;charset=utf-8' }, text],
    ] as const) {
      const answer = await app.inject({ method: 'POST', url: '/v1/calls', headers, payload });
      t.equal(answer.statusCode, 202, answer.payload);
    }
    const fingerprints = decoded(intake.records).map((record) => record.fingerprint.toString('hex'));
    t.equal(new Set(fingerprints).size, 1);
    t.equal(decoded(intake.records)[1]?.payload.length, text.length + 3);
  });

  t.test('an Idempotency-Key stands in for an absent id, in UTF-8', async (t) => {
    const { app } = testApp();
    const inHeader = Buffer.from('schlüssel').toString('latin1');
    const call = await app.inject({
      method: 'POST',
      url: '/v1/calls',
      headers: { 'idempotency-key': inHeader },
      payload: someCall({ call_id: undefined }),
    });
    t.strictSame(call.json(), { call_id: 'schlüssel' });
    const click = await app.inject({
      method: 'POST',
      url: '/v1/calls/c/clicks',
      headers: { 'idempotency-key': 'k' },
    });
    t.strictSame(click.json(), { call_id: 'c', event_id: 'k' });
  });

  t.test(
    'with ?wait=stored the answer is 200 and the outcome, or the ordinary 202 when that takes too long',
    async (t) => {
      const { app, intake } = testApp();
      for (const outcome of ['stored', 'duplicate', 'dead_letter'] as const) {
        intake.outcomes = [outcome];
        const call = await app.inject({ method: 'POST', url: '/v1/calls?wait=stored', payload: someCall() });
        t.equal(call.statusCode, 200);
        t.strictSame(call.json(), { call_id: 'call-1', status: outcome });
        t.ok(call.headers.location);
      }
      intake.outcomes = null;
      const call = await app.inject({ method: 'POST', url: '/v1/calls?wait=stored', payload: someCall() });
      t.equal(call.statusCode, 202);
      t.strictSame(call.json(), { call_id: 'call-1' });
    },
  );
});

t.test('many events', async (t) => {
  t.test('one event, an array and {events} get the same answer', async (t) => {
    for (const payload of [event(), [event()], { events: [event()] }]) {
      const { app, intake } = testApp();
      const answer = await app.inject({ method: 'POST', url: '/v1/events', payload });
      t.equal(answer.statusCode, 202);
      t.strictSame(answer.json(), { accepted: 1, rejected: 0, ids: ['call-1'], errors: [] });
      t.equal(decoded(intake.records)[0]?.payload.toString(), JSON.stringify(event()));
    }
  });

  t.test('a single event may have an Idempotency-Key', async (t) => {
    const { app } = testApp();
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/events',
      headers: { 'idempotency-key': 'k1' },
      payload: event({ call_id: undefined }),
    });
    t.strictSame(answer.json<BatchAnswer>().ids, ['k1']);
  });

  t.test(
    'of a thousand lines three are wrong: 207, the others are taken at once, each with its bytes',
    async (t) => {
      const { app, intake, budget } = testApp();
      const lines = Array.from(
        { length: 1_000 },
        (_, i) => ` ${JSON.stringify(event({ call_id: `c${i}` }))}`,
      );
      lines[10] = '{"type":"call"';
      lines[500] = JSON.stringify(event({ odds_a: '1' }));
      lines[999] = JSON.stringify({ type: 'klick' });
      const answer = await app.inject({
        method: 'POST',
        url: '/v1/events',
        headers: ndjson,
        payload: lines.join('\n'),
      });
      t.equal(answer.statusCode, 207);
      const body = answer.json<BatchAnswer>();
      t.match(body, { accepted: 997, rejected: 3 });
      t.match(body.errors, [
        { index: 10, errors: [{ pointer: '', code: 'malformed_json' }] },
        { index: 500, errors: [{ pointer: '/odds_a', code: 'wrong_type' }] },
        { index: 999, errors: [{ pointer: '/type', code: 'not_allowed' }] },
      ]);
      t.equal(body.ids.length, 1_000);
      t.strictSame([body.ids[9], body.ids[10], body.ids[11]], ['c9', null, 'c11']);
      t.equal(intake.appends, 1);
      t.equal(decoded(intake.records)[10]?.payload.toString(), lines[11]);
      t.equal(budget.usedBytes, 0);
      t.equal(budget.peakBytes, Buffer.byteLength(lines.join('\n')));
    },
  );

  t.test('NDJSON is read under every name that it has', async (t) => {
    for (const name of [
      'x-ndjson',
      'ndjson',
      'jsonl',
      'jsonlines',
      'x-jsonlines',
      'JSONLines; charset=utf-8',
    ]) {
      const { app } = testApp();
      const payload = `${JSON.stringify(event({ call_id: 'a' }))}\n${JSON.stringify(event({ call_id: 'b' }))}\n`;
      const headers = { 'content-type': `application/${name}` };
      const answer = await app.inject({ method: 'POST', url: '/v1/events', headers, payload });
      t.equal(answer.statusCode, 202, name);
      t.strictSame(answer.json<BatchAnswer>().ids, ['a', 'b']);
    }
    const { app } = testApp();
    const headers = { 'content-type': 'application/json-seq' };
    const other = await app.inject({ method: 'POST', url: '/v1/events', headers, payload: '{}' });
    t.match(other.json(), { status: 415, detail: /x-ndjson or .*jsonl or .*jsonlines or .*x-jsonlines/ });
  });

  t.test('blank text is treated alike by every way in', async (t) => {
    const blanks = { sport: ' ', sent_at: '', odds_format: '\t', notified_user_ids: ['u1'] };
    const good = event(blanks);
    const bad = event({ ...blanks, book_a: '\u200b', notified_user_ids: ['u1', ''] });
    const lines = [good, bad].map((one) => JSON.stringify(one)).join('\n');
    const judging = new ThreadedJudging(() => undefined);
    t.teardown(() => {
      judging.close();
    });
    const plain = testApp();
    const threaded = testApp({ judging });
    const errors = [
      { pointer: '/notified_user_ids/1', code: 'blank' },
      { pointer: '/book_a', code: 'blank' },
    ];
    for (const [{ app, intake }, headers, payload] of [
      [plain, json, JSON.stringify([good, bad])],
      [plain, json, JSON.stringify({ events: [good, bad] })],
      [plain, ndjson, lines],
      [threaded, ndjson, lines],
    ] as const) {
      intake.records = [];
      const answer = await app.inject({ method: 'POST', url: '/v1/events', headers, payload });
      t.match(answer.json(), { accepted: 1, rejected: 1, errors: [{ index: 1, errors }] });
      const [record] = decoded(intake.records);
      t.match(record?.event, { row: { sport: null, odds_format: 'american', notified_user_ids: ['u1'] } });
      t.equal(record?.payload.toString(), JSON.stringify(good), 'kept as received');
    }
    const single = await plain.app.inject({ method: 'POST', url: '/v1/calls', payload: bad });
    t.match(single.json(), { status: 400, type: /invalid_event$/, errors });
    const { app, intake } = testApp();
    const click = { user_id: ' ', action: '', clicked_at: '' };
    await app.inject({ method: 'POST', url: '/v1/calls/c/clicks', payload: click });
    t.match(decoded(intake.records), [{ event: { row: { user_id: null, action: 'bet' } } }]);
    const path = await app.inject({ method: 'POST', url: '/v1/calls/%E3%85%A4/clicks' });
    t.match(path.json(), { status: 400, errors: [{ pointer: 'path:call_id', code: 'invalid_id' }] });
  });

  t.test('blank lines, CRLF, a byte order mark and gzip change nothing about the events', async (t) => {
    const { app } = testApp();
    const one = JSON.stringify(event({ call_id: 'a' }));
    const two = JSON.stringify(event({ call_id: 'b' }));
    const payload = gzipSync(`\ufeff${one}\r\n\r\n  \n${two}\r\n`);
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/events',
      headers: { 'content-type': 'application/ndjson; charset=utf-8', 'content-encoding': 'gzip' },
      payload,
    });
    t.equal(answer.statusCode, 202);
    t.strictSame(answer.json<BatchAnswer>().ids, ['a', 'b']);
  });

  t.test('a line that is too long or no UTF-8 costs only itself', async (t) => {
    const { app } = testApp();
    const payload = Buffer.concat([
      Buffer.from(`${JSON.stringify(event({ call_id: 'a' }))}\n{"raw":"${'x'.repeat(1024 * 1024)}"}\n`),
      Buffer.from([0x22, 0xc3, 0x28, 0x22, 0x0a]),
      Buffer.from(JSON.stringify(event({ call_id: 'b' }))),
    ]);
    const answer = await app.inject({ method: 'POST', url: '/v1/events', headers: ndjson, payload });
    t.equal(answer.statusCode, 207);
    t.strictSame(answer.json<BatchAnswer>().ids, ['a', null, null, 'b']);
    t.match(answer.json<BatchAnswer>().errors, [
      { index: 1, errors: [{ code: 'line_too_long' }] },
      { index: 2, errors: [{ code: 'malformed_utf8' }] },
    ]);
  });

  t.test('none accepted is 422 in the same shape, and nothing is appended', async (t) => {
    const { app, intake } = testApp();
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/events?wait=stored',
      payload: [null, {}, 'x'],
    });
    t.equal(answer.statusCode, 422);
    t.match(answer.json(), {
      accepted: 0,
      rejected: 3,
      ids: [null, null, null],
      errors: [{ index: 0 }, { index: 1 }, { index: 2 }],
    });
    t.equal(intake.appends, 0);
  });

  t.test('with ?wait=stored every event has its status: 200 for all, 207 for some', async (t) => {
    const { app, intake } = testApp();
    intake.outcomes = ['stored', 'duplicate'];
    const url = '/v1/events?wait=stored';
    const all = await app.inject({ method: 'POST', url, payload: [event(), event()] });
    t.equal(all.statusCode, 200);
    t.strictSame(all.json<BatchAnswer>().statuses, ['stored', 'duplicate']);
    const some = await app.inject({ method: 'POST', url, payload: [event(), {}, event()] });
    t.equal(some.statusCode, 207);
    t.strictSame(some.json<BatchAnswer>().statuses, ['stored', null, 'duplicate']);
    intake.outcomes = null;
    const late = await app.inject({ method: 'POST', url, payload: [event(), event()] });
    t.equal(late.statusCode, 202);
    t.notOk('statuses' in late.json<object>());
  });

  t.test(
    'ten thousand events are taken, and ten thousand wrong ones are all told in a bounded answer',
    async (t) => {
      const { app } = testApp();
      const good = await app.inject({
        method: 'POST',
        url: '/v1/events',
        headers: ndjson,
        payload: `${JSON.stringify(event())}\n`.repeat(10_000),
      });
      t.equal(good.statusCode, 202);
      t.equal(good.json<BatchAnswer>().accepted, 10_000);
      const bad = await app.inject({
        method: 'POST',
        url: '/v1/events',
        headers: ndjson,
        payload: '{"type":"call","a":1,"b":2,"c":3,"d":4,"e":5,"f":6}\n'.repeat(10_000),
      });
      t.equal(bad.statusCode, 422);
      t.equal(bad.json<BatchAnswer>().errors.length, 10_000);
      t.ok(bad.payload.length < 4 * 1024 * 1024, `${bad.payload.length} bytes`);
    },
  );
});

t.test(
  'when the spool does not take events the answer is 503 with Retry-After, and tells nothing inner',
  async (t) => {
    for (const [code, extras, retryAfter, detail] of [
      ['SPOOL_FULL', { retryAfterS: 4.2, detail: 'The spool holds all.' }, '5', 'The spool holds all.'],
      ['DISK_FULL', { detail: 'None is free.' }, '1', 'None is free.'],
      ['SPOOL_BUSY', {}, '1', 'Too many request bodies are in flight.'],
      ['SPOOL_FAILED', {}, '1', 'Events cannot be written to disk.'],
      ['SPOOL_CLOSED', {}, '1', 'The service is stopping.'],
    ] as const) {
      for (const url of ['/v1/calls', '/v1/events', '/v1/calls?wait=stored', '/v1/events?wait=stored']) {
        const { app, intake, budget } = testApp();
        intake.failure = codedError(code, extras);
        const answer = await app.inject({ method: 'POST', url, payload: event() });
        t.equal(answer.statusCode, 503);
        t.equal(answer.headers['retry-after'], retryAfter);
        const name = code === 'SPOOL_BUSY' ? 'busy' : code.toLowerCase();
        t.match(answer.json(), { type: `urn:call-logger:problem:${name}`, detail });
        t.notMatch(answer.payload, /inner words/);
        t.equal(budget.usedBytes, 0);
      }
    }
  },
);
