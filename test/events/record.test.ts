import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { accept } from '../../src/events/accept.js';
import { encodeRecord, readRecord } from '../../src/events/record.js';
import { parseUtcTime } from '../../src/lib/time.js';
import { CorruptRecordError, decodeRecord } from '../helpers/records.js';
import { version1Record } from './version-1.js';
import { CALL, CLICK, NOW, RESULT, send, sendText, store } from './events.js';
import type { Body } from './events.js';
import { root } from '../helpers/program.js';

const FIXTURE = readFileSync(`${root}test/fixtures/events.ndjson`, 'utf8').trimEnd().split('\n');

t.test('real events come back as they were sent: numbers, dates, text and instants', async (t) => {
  for (const line of FIXTURE) {
    const sent: Body = JSON.parse(line) as Body; // Fixture: each line is an object.
    const verdict = sendText(line, { receivedAt: '2026-11-20T00:00:00.000000Z' });
    if (!verdict.ok) {
      t.fail(JSON.stringify(verdict.errors));
      continue;
    }
    const { event, payload, receivedAt } = decodeRecord(verdict.record);
    t.equal(payload.toString(), line);
    t.equal(receivedAt, '2026-11-20T00:00:00.000000Z');
    const { type, ...fields } = sent;
    t.equal(event.type, type);
    const row: Body = { ...event.row };
    for (const [name, value] of Object.entries(fields)) {
      const expected = /_(at|time)$/.test(name) && typeof value === 'string' ? parseUtcTime(value) : value;
      t.equal(row[name], expected, `${String(sent['call_id'])} ${name}`);
    }
  }
});

t.test('the fixture has every kind of event in every sport it occurs in', async (t) => {
  for (const part of [
    '"arbitrage"',
    '"middle"',
    '"good_ev"',
    'american',
    'decimal',
    '"bet"',
    '"unknown"',
    '"push"',
  ])
    t.ok(
      FIXTURE.some((line) => line.includes(part)),
      part,
    );
});

t.test('a call gets its defaults when it is read', async (t) => {
  t.same(store(CALL, { source: 'telegram-bot' }).event, {
    type: 'call',
    row: {
      call_id: 'c-1',
      call_type: 'arbitrage',
      sport: null,
      league: null,
      team_a: null,
      team_b: null,
      match_date: null,
      commence_time: null,
      book_a: 'Caesars',
      book_b: 'BetMGM',
      market: null,
      odds_a: 110,
      odds_b: -105,
      odds_format: 'american',
      roi_percent: 1.1,
      stake_a: null,
      stake_b: null,
      total_stake: null,
      profit_expected: null,
      sent_at: NOW,
      expires_at: null,
      users_notified: 0,
      notified_user_ids: null,
      source: 'telegram-bot',
      raw: null,
      received_at: NOW,
    },
  });
  const sums: [Body, number | null][] = [
    [{ stake_a: 0.1, stake_b: 0.2 }, 0.3],
    [{ stake_a: 385.34, stake_b: 364.66 }, 750],
    [{ stake_a: 5, stake_b: null }, 5],
    [{ stake_b: 1e-7 }, 1e-7],
    [{ stake_a: 0.1, stake_b: 0.2, total_stake: 9 }, 9],
  ];
  for (const [stakes, total] of sums)
    t.match(store({ ...CALL, ...stakes }).event.row, { total_stake: total });
  t.match(store({ ...CALL, notified_user_ids: ['a', 'b'] }).event.row, { users_notified: 2 });
  t.match(store({ ...CALL, source: 'mine' }, { source: 'key' }).event.row, { source: 'mine' });
  t.match(store({ ...CALL, match_date: '2024-02-29' }).event.row, { match_date: '2024-02-29' });
  t.match(store({ ...CALL, raw: { b: 1, a: [null, 'é'] } }).event.row, { raw: '{"b":1,"a":[null,"é"]}' });
});

t.test('a click and a result get their defaults when they are read', async (t) => {
  const both = { call_id: 'c-1', received_at: NOW };
  const click = { ...both, event_id: 'k-1', user_id: null, action: 'bet', clicked_at: NOW };
  t.same(store(CLICK).event, { type: 'click', row: click });
  const closing = { closing_line_a: null, closing_line_b: null, clv_a: null, clv_b: null };
  const result = {
    ...{
      ...both,
      event_id: 'r-1',
      has_settlement: true,
      outcome: 'a_won',
      profit_actual: null,
      has_closing: false,
    },
    ...{ ...closing, line_movement_speed: null, closed_at: null, settled_at: NOW },
  };
  t.same(store(RESULT).event, { type: 'result', row: result });
  const parts: [Body, boolean, boolean][] = [
    [{ outcome: null, profit_actual: 0 }, true, false],
    [{ outcome: null, closing_line_b: 2 }, false, true],
    [{ outcome: null, clv_a: 0 }, false, true],
    [{ outcome: null, closed_at: NOW }, false, true],
    [{ line_movement_speed: 'fast' }, true, true],
  ];
  for (const [fields, has_settlement, has_closing] of parts)
    t.match(store({ ...RESULT, ...fields }).event.row, { has_settlement, has_closing });
});

t.test('ids come from body, path and header, or are made in the order of time', async (t) => {
  const beside = { type: 'click', pathCallId: 'p', idempotencyKey: 'i' } as const;
  t.match(store({}, beside).event.row, { call_id: 'p', event_id: 'i' });
  const empty = accept({
    ...beside,
    body: undefined,
    payload: Buffer.alloc(0),
    receivedAt: NOW,
    source: null,
  });
  t.ok(empty.ok && decodeRecord(empty.record).event.row.call_id === 'p', 'an empty body is a click');
  const made = Array.from({ length: 5000 }, () => {
    const verdict = send({ type: 'click', call_id: 'c-1' });
    return verdict.ok ? verdict.eventId : '';
  });
  t.same(made, [...new Set(made)].sort());
  t.match(made[0], /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

t.test('a record whose meta says more than this version knows is read', async (t) => {
  const verdict = send(CALL);
  t.ok(verdict.ok);
  if (!verdict.ok) return;
  const length = verdict.record.readUInt32BE(2);
  const meta = verdict.record.toString('utf8', 10, 10 + length);
  const more = Buffer.from(meta.replace('{', '{"replayed_from":"7",'));
  const record = Buffer.concat([verdict.record.subarray(0, 10), more, verdict.record.subarray(10 + length)]);
  record.writeUInt32BE(more.length, 2);
  t.same(decodeRecord(record), decodeRecord(verdict.record));
});

t.test('a record tells how often its event was replayed; one that says nothing, never', async (t) => {
  const verdict = send(CALL);
  t.ok(verdict.ok);
  if (!verdict.ok) return;
  const original = decodeRecord(verdict.record);
  t.equal(original.replays, 0);
  const { event, source, payload } = original;
  const content = { event, source, payload, fingerprint: original.fingerprint.toString('hex') };
  t.same(encodeRecord({ ...content, replays: 0 }), verdict.record, 'written only when it says something');
  for (const replays of [1, 2 ** 31 - 1])
    t.same(decodeRecord(encodeRecord({ ...content, replays })), { ...original, replays });
  for (const replays of [-1, 0.5, 2 ** 31, NaN])
    t.notOk(decodes(encodeRecord({ ...content, replays })), `${replays}`);
});

t.test('a payload with a byte order mark is read', async (t) => {
  const payload = Buffer.from(`\ufeff${JSON.stringify(CALL)}`);
  const verdict = send(CALL, { payload });
  t.ok(verdict.ok && decodeRecord(verdict.record).payload.equals(payload));
});

/** Decodes, and tells whether it went well; any error but the one that is promised goes through. */
function decodes(bytes: Buffer): boolean {
  try {
    decodeRecord(bytes);
    return true;
  } catch (error) {
    if (error instanceof CorruptRecordError) return false;
    throw error;
  }
}

t.test('a record of version 1 is read as what its event is stored as now', async (t) => {
  for (const line of FIXTURE) {
    const verdict = sendText(line, { receivedAt: '2026-11-20T00:00:00.000000Z', source: 'bot' });
    t.ok(verdict.ok);
    if (!verdict.ok) continue;
    const now = readRecord(verdict.record);
    const { callId, eventId, type, payload, fingerprint } = now;
    const then = readRecord(
      version1Record({
        type,
        callId,
        eventId,
        fingerprint,
        payload,
        source: 'bot',
        receivedAt: now.provenance.receivedAt,
      }),
    );
    t.equal(then.row.toString(), now.row.toString());
    t.same(then.payload, payload);
    t.same(then.provenance, now.provenance);
    t.equal(then.key, now.key);
  }
});

t.test('bytes that are no record are a CorruptRecordError and no other', async (t) => {
  const content = {
    ...({
      type: 'call',
      callId: 'c-1',
      eventId: 'c-1',
      fingerprint: Buffer.alloc(32),
      source: null,
    } as const),
    receivedAt: NOW,
  };
  const payloads = [
    '[]',
    '{',
    '1',
    '{}',
    JSON.stringify({ ...CALL, odds_a: '110' }),
    JSON.stringify({ ...CALL, call_type: 'x' }),
    JSON.stringify({ ...CALL, sent_at: 'x' }),
    JSON.stringify({ ...CALL, match_date: '2025-02-30' }),
    JSON.stringify({ ...CALL, notified_user_ids: [1] }),
    JSON.stringify({ ...CALL, notified_user_ids: {} }),
    JSON.stringify({ ...CALL, raw: [] }),
    `{"raw":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`,
    JSON.stringify(CALL).replace('110', '1e999'),
  ];
  for (const payload of payloads) {
    t.notOk(decodes(version1Record({ ...content, payload: Buffer.from(payload) })), payload.slice(0, 80));
  }
  t.ok(decodes(version1Record({ ...content, payload: Buffer.from(JSON.stringify(CALL)) })));
  t.notOk(
    decodes(version1Record({ ...content, receivedAt: 'x', payload: Buffer.from(JSON.stringify(CALL)) })),
  );

  const records = FIXTURE.map((line) => sendText(line, { receivedAt: '2026-11-20T00:00:00.000000Z' }));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !decodes(Buffer.from(bytes))));
  fc.assert(
    fc.property(fc.nat(records.length - 1), fc.nat(), fc.nat(255), fc.boolean(), (which, at, byte, cut) => {
      const verdict = records[which];
      if (verdict?.ok !== true) throw new Error('not accepted');
      const bytes = Buffer.from(verdict.record);
      bytes[at % bytes.length] = byte;
      decodes(cut ? bytes.subarray(0, at % bytes.length) : bytes);
    }),
    { numRuns: 1000 },
  );
});

const FIELDS = [
  'type',
  'call_id',
  'event_id',
  'call_type',
  'book_a',
  'odds_a',
  'raw',
  'sent_at',
  'match_date',
  'notified_user_ids',
  'outcome',
  'clv_a',
];

t.test('any JSON gets a verdict, and whatever is accepted can be decoded', async () => {
  const json = fc.jsonValue();
  const bodies = fc.oneof(
    json,
    fc.dictionary(fc.oneof(fc.constantFrom(...FIELDS), fc.string()), json),
    fc
      .tuple(fc.constantFrom<Body>(CALL, CLICK, RESULT), fc.dictionary(fc.constantFrom(...FIELDS), json))
      .map(([event, more]) => ({ ...event, ...more })),
    fc
      .tuple(fc.constantFrom<Body>(CALL, CLICK, RESULT), fc.dictionary(fc.string(), json))
      .map(([event, raw]) =>
        event === CALL ? { ...event, raw, league: Object.keys(raw)[0] } : { ...event, user_id: 'x' },
      ),
  );
  const types = fc.constantFrom(undefined, 'call', 'click', 'result');
  fc.assert(
    fc.property(bodies, types, fc.option(fc.string(), { nil: undefined }), (body, type, key) => {
      const verdict = send(body, {
        ...(type === undefined ? {} : { type: type as 'call' }),
        ...(key === undefined ? {} : { idempotencyKey: key }),
      });
      if (verdict.ok) decodeRecord(verdict.record);
      else if (verdict.errors.length === 0) throw new Error('rejected for nothing');
    }),
    { numRuns: 2000 },
  );
});
