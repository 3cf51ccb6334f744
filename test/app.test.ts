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
    spool: {
      id: 'b6d2',
      events: 1,
      bytes: 2,
      oldest_age_s: 0.25,
      limit_bytes: 3,
      last_error: 'full',
      last_error_at: '2026-11-20T12:00:00.000Z',
      state: 'open',
    },
    drain: { state: 'retrying', last_error: 'connection refused', last_error_at: null, retries: 3 },
    counts: { accepted: 5, stored: 2, duplicate: 1, dead_letter: 1, spooled: 1 },
    disk_free_bytes: 6,
    disk_reserve_bytes: 7,
    store: { state: 'up', pool: { used: 2 } },
    schedule: { cleanup: null },
  };
  const { app } = testApp({
    status: {
      status: async () => status,
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

t.test('however slow the machine is, the start takes its time and does not fail', async (t) => {
  const { app } = testApp();
  await app.ready();
  t.equal(app.initialConfig.pluginTimeout, 0);
});
