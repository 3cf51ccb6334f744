import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { decodeRecord } from '../helpers/records.js';
import type { Intake } from '../../src/http/deps.js';
import { openSpool, type Spool } from '../../src/spool/spool.js';
import { someCall, testApp } from '../helpers/app.js';

/** The door before a real spool, without anything behind it. */
async function house(t: Test, maxBytes: number, diskReserveBytes = 0) {
  const directory = await mkdtemp(join(tmpdir(), 'door-'));
  const spool: Spool = await openSpool({ directory, maxBytes, diskReserveBytes });
  const intake: Intake = {
    append: (records) => spool.append(records),
    appendWatched: async (records) => {
      await spool.append(records);
      return { outcomes: Promise.resolve(null) };
    },
    flush: async () => false,
  };
  t.teardown(async () => {
    await spool.close();
    await rm(directory, { recursive: true });
  });
  return { spool, ...testApp({ intake }) };
}

const ndjson = { 'content-type': 'application/x-ndjson' };

t.test(
  'what is acknowledged is on the spool when the answer comes, in order and byte for byte',
  async (t) => {
    const { spool, app } = await house(t, 64 * 1024 * 1024);
    const one = JSON.stringify(someCall({ call_id: 'one' }));
    await app.inject({
      method: 'POST',
      url: '/v1/calls',
      headers: { 'content-type': 'application/json' },
      payload: one,
    });
    const lines = [
      ' {"type":"click","call_id":"one","user_id":"ü"} ',
      '{"type":"result","call_id":"one","outcome":"push"}',
    ];
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/events',
      headers: ndjson,
      payload: lines.join('\n'),
    });
    t.equal(answer.statusCode, 202);
    const records = await spool.reader(0).next({ maxRecords: 10, maxBytes: 1024 * 1024 });
    t.strictSame(
      records.map(({ bytes }) => decodeRecord(bytes).payload.toString()),
      [one, ...lines],
    );
  },
);

t.test('the largest body that is allowed fits into one append', async (t) => {
  const { spool, app } = await house(t, 256 * 1024 * 1024);
  const count = 10_000;
  const line = JSON.stringify({ type: 'call', ...someCall({ raw: { text: '' } }) });
  const padding = 'x'.repeat(Math.floor((16 * 1024 * 1024) / count) - line.length - 1);
  const payload = `${line.replace('"text":""', `"text":"${padding}"`)}\n`.repeat(count);
  const answer = await app.inject({ method: 'POST', url: '/v1/events', headers: ndjson, payload });
  t.equal(answer.statusCode, 202, answer.payload.slice(0, 300));
  t.equal(spool.stats().accepted, count);
});

t.test(
  'a full spool is 503 with Retry-After and says how full, a closed one 503, and nothing of a batch is kept',
  async (t) => {
    const { spool, app } = await house(t, 128 * 1024);
    const payload = `${JSON.stringify({ type: 'call', ...someCall() })}\n`.repeat(2_000);
    const full = await app.inject({ method: 'POST', url: '/v1/events', headers: ndjson, payload });
    t.equal(full.statusCode, 503);
    t.ok(Number(full.headers['retry-after']) >= 1);
    t.match(full.json(), {
      type: 'urn:call-logger:problem:spool_full',
      detail: /^The spool holds \d\.\d KiB of 128\.0 KiB \(SPOOL_MAX_BYTES\), which leaves no room for /,
    });
    t.equal(spool.stats().accepted, 0);
    await spool.close();
    const closed = await app.inject({ method: 'POST', url: '/v1/calls', payload: someCall() });
    t.equal(closed.statusCode, 503);
    t.match(closed.json(), { type: 'urn:call-logger:problem:spool_closed' });
  },
);

t.test(
  'a disk without more than its reserve is 503 with Retry-After, and says how much is left',
  async (t) => {
    const { spool, app } = await house(t, 64 * 1024 * 1024, 2 ** 52);
    const full = await app.inject({ method: 'POST', url: '/v1/calls', payload: someCall() });
    t.equal(full.statusCode, 503);
    t.equal(full.headers['retry-after'], '5');
    t.match(full.json(), {
      type: 'urn:call-logger:problem:disk_full',
      detail:
        /^The disk of the spool has \d+\.\d MiB free; DISK_RESERVE_BYTES keeps 4294967296\.0 MiB free, /,
    });
    t.equal(spool.stats().accepted, 0);
  },
);
