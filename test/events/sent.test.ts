import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { readRecord } from '../../src/events/record.js';
import { EVENT_SCHEMAS } from '../../src/events/schemas.js';
import { CALL, CLICK, RESULT, send, sendText, store } from './events.js';
import type { Beside, Body } from './events.js';

const fingerprint = (body: unknown, beside?: Beside): string =>
  store(body, beside).fingerprint.toString('hex');

const omit = (body: Body, ...names: string[]): Body =>
  Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));

const FULL: Body = {
  ...CALL,
  sport: 'tennis',
  league: 'ATP',
  team_a: 'Djokovic N.',
  team_b: 'Struff J.L.',
  match_date: '2025-10-22',
  commence_time: '2025-10-22T09:00:00+02:00',
  market: 'match_winner',
  odds_format: 'american',
  stake_a: 0.1,
  stake_b: 0.2,
  total_stake: 0.3,
  profit_expected: 7.25,
  sent_at: '2025-10-22T05:00:00.123456Z',
  expires_at: '2025-10-22T06:00:00Z',
  users_notified: 2,
  notified_user_ids: ['u1', 'u2'],
  source: 'bot',
  raw: { b: [1, { d: null, c: 'é' }], a: { z: 1, y: 2 } },
};

/** The object with its members, and those of all objects inside, in another order. */
function shuffled(value: unknown, order: number): unknown {
  if (Array.isArray(value)) return value.map((item) => shuffled(item, order));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, shuffled(member, order)] as const);
  const cut = order % entries.length || 0;
  const turned = [...entries.slice(cut), ...entries.slice(0, cut)];
  return Object.fromEntries(order % 2 === 0 ? turned : turned.reverse());
}

t.test('the order of names does not matter, at any depth', async () => {
  const expected = fingerprint(FULL);
  fc.assert(fc.property(fc.nat(1000), (order) => fingerprint(shuffled(FULL, order)) === expected));
});

t.test('top-level null is absent; null inside raw is data', async (t) => {
  t.equal(fingerprint({ ...CALL, sport: null, raw: null, stake_a: null }), fingerprint(CALL));
  t.not(fingerprint({ ...CALL, raw: { a: null } }), fingerprint({ ...CALL, raw: {} }));
  t.not(fingerprint({ ...CALL, raw: {} }), fingerprint(CALL));
  t.not(fingerprint({ ...CALL, notified_user_ids: [] }), fingerprint(CALL));
});

const BLANKS =
  ' \t\n\r\u0001\u0085\u00a0\u00ad\u115f\u180e\u2003\u200b\u200d\u2028\u202e\u2060\u2800\u3164\ufe0f\ufeff\uffa0';
const blanks = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from(BLANKS), '\u{e0020}', '\u{1d159}'), maxLength });

/** The optional fields of each event that hold text, times, days and choices among it; ids have an alphabet instead. */
const TEXT_FIELDS = [CALL, CLICK, RESULT].flatMap((event) => {
  // As a document shows them: plain JSON.
  const schemas = JSON.parse(JSON.stringify(EVENT_SCHEMAS)) as {
    $id: string;
    properties: Record<string, { type: unknown }>;
  }[];
  const schema = schemas.find(({ $id }) => $id.toLowerCase() === event.type);
  return Object.entries(schema?.properties ?? {})
    .filter(([name, { type }]) => !/^(type|call_id|event_id)$/.test(name) && String(type) === 'string,null')
    .map(([name]) => ({ event, name }));
});

t.test('blank text in an optional field is absent, whatever is blank and whichever field', async (t) => {
  t.ok(TEXT_FIELDS.length > 18, `${TEXT_FIELDS.length} fields`);
  fc.assert(
    fc.property(fc.constantFrom(...TEXT_FIELDS), blanks(300), ({ event, name }, text) => {
      const needed = { call: { call_type: 'good_ev' }, click: {}, result: { clv_a: 1 } }[event.type];
      const of = (value: unknown) => store({ ...event, ...needed, [name]: value }, { source: 'key' });
      const sent = of(text);
      assert.equal(sent.payload.toString(), JSON.stringify({ ...event, ...needed, [name]: text }));
      for (const other of [of(null), of(undefined)])
        assert.deepEqual({ ...sent, payload: other.payload }, other);
    }),
    { numRuns: 300 },
  );
  t.equal(fingerprint({ ...CALL, type: '' }, { type: 'call' }), fingerprint(CALL));
  t.not(fingerprint({ ...CALL, raw: { a: '' } }), fingerprint({ ...CALL, raw: {} }), 'inside raw it is data');
});

t.test('text with anything to see in it comes back as it was sent, blanks and all', async () => {
  const visible = fc.constantFrom(...Array.from('a.-"\\0éー🎾\u0301\u0600\ue000\ufffd'));
  const texts = fc.tuple(blanks(100), visible, blanks(100)).map((parts) => parts.join(''));
  fc.assert(
    fc.property(texts, (text) => {
      const call = { ...CALL, sport: text, book_a: text, book_b: text, notified_user_ids: [text] };
      const row: Body = { ...store(call).event.row };
      assert.deepEqual([row['sport'], row['book_a'], row['book_b']], [text, text, text]);
      assert.deepEqual(row['notified_user_ids'], [text]);
      assert.equal({ user_id: null, ...store({ ...CLICK, user_id: text }).event.row }.user_id, text);
    }),
  );
});

t.test('a time is the same in every zone and spelling; a microsecond is another time', async (t) => {
  const at = (sent_at: string) => fingerprint({ ...CALL, sent_at });
  const expected = at('2025-10-22T05:00:00.120000Z');
  for (const text of ['2025-10-22T05:00:00.12Z', '2025-10-22t05:00:00.120z', '2025-10-22T07:00:00.12+02:00'])
    t.equal(at(text), expected, text);
  t.equal(at('2025-10-21T21:30:00.1200-07:30'), expected);
  t.not(at('2025-10-22T05:00:00.120001Z'), expected);
});

t.test('a number is the double it reads as, however it is written', async (t) => {
  const of = (stake: string) => {
    const verdict = sendText(`${JSON.stringify(CALL).slice(0, -1)},"stake_a":${stake},"raw":{"n":${stake}}}`);
    return verdict.ok ? verdict.record.subarray(2, 34).toString('hex') : verdict;
  };
  for (const text of ['1.0', '1e0', '10E-1', '1.00000000000000000001']) t.equal(of(text), of('1'), text);
  t.equal(of('-0.0'), of('0'));
  t.not(of('1.0000000001'), of('1'));
});

t.test('type and ids count alike wherever they are written', async (t) => {
  const call = omit(CALL, 'type', 'call_id');
  const expected = fingerprint(CALL);
  t.equal(fingerprint({ ...call, call_id: 'c-1' }, { type: 'call' }), expected);
  t.equal(fingerprint(call, { type: 'call', idempotencyKey: 'c-1' }), expected);
  t.equal(fingerprint({ ...CALL, call_id: null }, { type: 'call', idempotencyKey: 'c-1' }), expected);
  for (const event of [CLICK, RESULT]) {
    const { type, call_id: pathCallId, event_id: idempotencyKey, ...rest } = event;
    t.equal(fingerprint(rest, { type, pathCallId, idempotencyKey }), fingerprint(event));
    t.equal(
      fingerprint({ ...event, event_id: null }, { type, pathCallId, idempotencyKey }),
      fingerprint(event),
    );
    t.not(fingerprint(event), fingerprint({ ...event, event_id: 'other' }));
    t.not(fingerprint(event), fingerprint({ ...event, call_id: 'other' }));
  }
});

t.test('an event repeated with the id that we made for it is the same event', async (t) => {
  const call = omit(CALL, 'call_id');
  const first = send(call);
  t.ok(first.ok);
  if (!first.ok) return;
  t.equal(
    readRecord(first.record).fingerprint.toString('hex'),
    fingerprint({ ...call, call_id: first.callId }),
  );
});

t.test('what we filled in does not matter: neither when nor from whom it was received', async (t) => {
  const expected = fingerprint(CALL);
  t.equal(fingerprint(CALL, { receivedAt: '2025-11-01T00:00:00.000001Z', source: 'key' }), expected);
  t.not(fingerprint({ ...CALL, odds_format: 'american' }), expected, 'a default that was sent was sent');
});

t.test('any value that changes makes another fingerprint', async (t) => {
  const expected = fingerprint(FULL);
  const changed: Body = {
    call_id: 'c-2',
    call_type: 'middle',
    odds_format: 'decimal',
    odds_a: 111,
    odds_b: 1.5e8,
    match_date: '2025-10-23',
    commence_time: '2025-10-22T09:00:00.000001+02:00',
    sent_at: '2025-10-22T05:00:00.123457Z',
    expires_at: '2025-10-22T06:00:00.1Z',
    notified_user_ids: ['u2', 'u1'],
    raw: { b: [1, { d: null, c: 'e\u0301' }], a: { z: 1, y: 2 } },
  };
  const seen = new Set([expected]);
  for (const [name, value] of Object.entries(FULL)) {
    if (name === 'type') continue;
    const other =
      changed[name] ??
      (typeof value === 'number' ? value + (name === 'users_notified' ? 0 : 1e-9) : `${String(value)} `);
    const body = { ...FULL, [name]: other };
    if (name === 'users_notified')
      Object.assign(body, { users_notified: 3, notified_user_ids: ['u1', 'u2', 'u3'] });
    if (name === 'odds_format') Object.assign(body, { odds_b: 2 });
    seen.add(fingerprint(body));
  }
  t.equal(seen.size, Object.keys(FULL).length, 'each its own');
  const texts = fc.string({ unit: 'grapheme', maxLength: 20 });
  fc.assert(
    fc.property(texts, texts, (a, b) => {
      const [one, two] = [a, b].map((league) => fingerprint({ ...CALL, league }));
      const [three, four] = [a, b].map((league) => fingerprint({ ...CALL, raw: { [league]: league } }));
      return (a === b) === (one === two) && (a === b) === (three === four);
    }),
  );
});

t.test('the fingerprint is SHA-256 of the text that the documents promise', async (t) => {
  const promised =
    '{"book_a":"Caes\\"ars é","call_id":"c-1","call_type":"good_ev","notified_user_ids":["u2","u1"],"odds_a":110,' +
    '"raw":{"a":[1,{"b":null,"c":"x"}],"é":-0.5},"roi_percent":1e-7,"sent_at":"2025-10-22T05:00:00.120000Z","type":"call"}';
  const sent = {
    type: 'call',
    sent_at: '2025-10-22T07:00:00.12+02:00',
    roi_percent: 0.0000001,
    raw: { é: -0.5, a: [1, { c: 'x', b: null }] },
    odds_a: 110,
    notified_user_ids: ['u2', 'u1'],
    league: null,
    call_type: 'good_ev',
    call_id: 'c-1',
    book_a: 'Caes"ars é',
  };
  t.equal(fingerprint(sent), createHash('sha256').update(promised).digest('hex'));
});
