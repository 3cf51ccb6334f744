import { Readable } from 'node:stream';
import t from 'tap';
import type { Backup, CleanupQuestion, Run, RunsQuestion, UpkeepDesk } from '../../src/http/deps-upkeep.js';
import { codedError, testApp } from '../helpers/app.js';
import { idleUpkeep } from '../helpers/upkeep.js';

const ID = '20261120T181500Z-5f0c9a1e';
const RUNNING: Backup = {
  id: ID,
  state: 'running',
  trigger: 'manual',
  created_at: '2026-11-20T18:15:00.000000Z',
  finished_at: null,
  bytes: null,
  sha256: null,
  rows: null,
  verified_at: null,
  error: null,
};
const FILE = Buffer.from('0123456789');
const SHA256 = 'ab'.repeat(32);
const COMPLETE: Backup = {
  ...RUNNING,
  state: 'complete',
  finished_at: '2026-11-20T18:15:09.000000Z',
  bytes: FILE.length,
  sha256: SHA256,
  rows: { calls: 3 },
};

function appWith(changes: Partial<UpkeepDesk>) {
  return testApp({ upkeep: idleUpkeep(changes) }).app;
}

function problem(code: string): object {
  return { type: `urn:call-logger:problem:${code}` };
}

t.test('cleanup passes on what it is asked, and refuses anything but whole days from 1', async (t) => {
  const asked: CleanupQuestion[] = [];
  const app = appWith({
    cleanUp: async (question) => {
      asked.push(question);
      return idleUpkeep().cleanUp(question);
    },
  });
  const url = '/v1/admin/cleanup';
  for (const [payload, question] of [
    [undefined, { daysToKeep: undefined, dryRun: false }],
    [{}, { daysToKeep: undefined, dryRun: false }],
    [
      { days_to_keep: 1, dry_run: true },
      { daysToKeep: 1, dryRun: true },
    ],
    [{ days_to_keep: 36_500 }, { daysToKeep: 36_500, dryRun: false }],
  ] as const) {
    const answer = await app.inject({ method: 'POST', url, ...(payload && { payload }) });
    t.equal(answer.statusCode, 200);
    t.match(answer.json(), {
      cutoff: String,
      dry_run: question.dryRun,
      deleted: { calls: 0 },
      duration_ms: Number,
    });
    t.strictSame(asked.pop(), question);
  }
  for (const payload of [
    { days_to_keep: 0 },
    { days_to_keep: -1 },
    { days_to_keep: 1.5 },
    { days_to_keep: '30' },
    { days_to_keep: null },
    { days_to_keep: 36_501 },
    { days_to_keep: 1e300 },
    { days: 30 },
    { dry_run: 'yes' },
    [],
  ]) {
    const answer = await app.inject({ method: 'POST', url, payload });
    t.equal(answer.statusCode, 400, JSON.stringify(payload));
    t.match(answer.json(), problem('invalid_body'));
  }
  t.strictSame(asked, []);
});

t.test('an order is small, and of its mistakes the first are told', async (t) => {
  const app = appWith({});
  const post = (payload: string) =>
    app.inject({
      method: 'POST',
      url: '/v1/admin/cleanup',
      headers: { 'content-type': 'application/json' },
      payload,
    });
  const mistaken = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`dry_ru${n}`, 1]));
  const told = await post(JSON.stringify(mistaken));
  t.equal(told.statusCode, 400);
  t.match(told.json(), problem('invalid_body'));
  const { errors } = told.json<{ errors: unknown[] }>();
  t.match(errors[0], { pointer: '/dry_ru0', message: /did you mean dry_run\?/ });
  t.equal(errors.length, 20);
  const whole = `{"dry_run":true}${' '.repeat(16 * 1024 - 16)}`;
  t.equal((await post(whole)).statusCode, 200);
  const large = await post(`${whole} `);
  t.equal(large.statusCode, 413);
  t.match(large.json(), { detail: /at most 16 KiB/ });
});

t.test('what stands in the way has its status', async (t) => {
  for (const [code, status, name] of [
    ['TASK_BUSY', 409, 'task_busy'],
    ['NO_RETENTION', 422, 'no_retention'],
    ['UPKEEP_STOPPED', 503, 'stopping'],
    ['STORE_UNAVAILABLE', 503, 'store_unavailable'],
  ] as const) {
    const app = appWith({ cleanUp: () => Promise.reject(codedError(code)) });
    const answer = await app.inject({ method: 'POST', url: '/v1/admin/cleanup' });
    t.equal(answer.statusCode, status);
    t.match(answer.json(), problem(name));
    t.notMatch(answer.payload, 'inner words');
  }
});

t.test('a backup is answered as soon as it is under way, or when it is complete', async (t) => {
  const app = appWith({
    startBackup: async () => ({ id: ID, finished: Promise.resolve(COMPLETE) }),
    backup: async () => RUNNING,
  });
  const started = await app.inject({ method: 'POST', url: '/v1/admin/backups' });
  t.equal(started.statusCode, 202);
  t.equal(started.headers['location'], `/v1/admin/backups/${ID}`);
  t.strictSame(started.json(), RUNNING);
  const waited = await app.inject({ method: 'POST', url: '/v1/admin/backups?wait=true' });
  t.equal(waited.statusCode, 201);
  t.equal(waited.headers['location'], `/v1/admin/backups/${ID}`);
  t.strictSame(waited.json(), COMPLETE);
  t.equal((await app.inject({ method: 'POST', url: '/v1/admin/backups?wait=stored' })).statusCode, 400);

  for (const [error, status, name] of [
    [new Error('inner words: ENOSPC'), 500, 'backup_failed'],
    [codedError('STORE_UNAVAILABLE'), 503, 'store_unavailable'],
    [codedError('DISK_FULL', { detail: 'None is free.' }), 503, 'disk_full'],
  ] as const) {
    const finished = Promise.reject<Backup>(error);
    finished.catch(() => undefined);
    const failing = appWith({ startBackup: async () => ({ id: ID, finished }), backup: async () => RUNNING });
    const answer = await failing.inject({ method: 'POST', url: '/v1/admin/backups?wait=true' });
    t.equal(answer.statusCode, status);
    t.match(answer.json(), problem(name));
    t.notMatch(answer.payload, 'inner words');
    t.equal((await failing.inject({ method: 'POST', url: '/v1/admin/backups' })).statusCode, 202);
  }
  const busy = appWith({ startBackup: () => Promise.reject(codedError('TASK_BUSY')) });
  t.equal((await busy.inject({ method: 'POST', url: '/v1/admin/backups' })).statusCode, 409);
});

t.test('a backup in the catalogue: shown as it is, removed, verified', async (t) => {
  const asked: string[] = [];
  const changes: Partial<UpkeepDesk> = {
    backup: async (id) => (id === ID ? { ...COMPLETE, server_version: '18.4' } : null),
    removeBackup: async (id) => {
      asked.push(id);
      return id === ID;
    },
    verifyBackup: async (id) => (id === ID ? { ok: false, problems: ['it is bad'], rows: null } : null),
  };
  const app = appWith(changes);
  t.strictSame((await app.inject(`/v1/admin/backups/${ID}`)).json(), { ...COMPLETE, server_version: '18.4' });
  const verified = await app.inject({ method: 'POST', url: `/v1/admin/backups/${ID}/verify` });
  t.equal(verified.statusCode, 200);
  t.strictSame(verified.json(), { ok: false, problems: ['it is bad'], rows: null });
  const gone = await app.inject({ method: 'DELETE', url: `/v1/admin/backups/${ID}` });
  t.equal(gone.statusCode, 204);
  t.equal(gone.payload, '');
  t.strictSame(asked.splice(0), [ID]);

  const other = '20261120T181500Z-00000000';
  for (const id of [other, 'x', '..%2F..%2Fetc%2Fpasswd', `${ID}.json`, '%2e%2e', `${ID}%00`]) {
    for (const [method, rest] of [
      ['GET', ''],
      ['GET', '/download'],
      ['POST', '/verify'],
      ['DELETE', ''],
    ] as const) {
      const answer = await app.inject({ method, url: `/v1/admin/backups/${id}${rest}` });
      t.equal(answer.statusCode, 404, `${method} ${id}${rest}`);
    }
  }
  t.strictSame(asked, [other], 'what is no id gets no further than the door');

  const unfinished = appWith({ backup: async () => RUNNING });
  for (const [method, rest] of [
    ['GET', '/download'],
    ['POST', '/verify'],
    ['DELETE', ''],
  ] as const) {
    const answer = await unfinished.inject({ method, url: `/v1/admin/backups/${ID}${rest}` });
    t.equal(answer.statusCode, 409, `${method} ${rest}`);
    t.match(answer.json(), problem('backup_not_complete'));
  }
});

t.test('verification that has nowhere to restore to says what an operator has to do', async (t) => {
  const error = Object.assign(new Error('set VERIFY_DATABASE_URL'), { name: 'CannotVerifyError' });
  const app = appWith({ verifyBackup: () => Promise.reject(error) });
  const answer = await app.inject({ method: 'POST', url: `/v1/admin/backups/${ID}/verify` });
  t.equal(answer.statusCode, 409);
  t.match(answer.json(), { ...problem('cannot_verify'), detail: 'set VERIFY_DATABASE_URL' });
});

t.test('a backup that goes before it is read is not found, and has no headers of a file', async (t) => {
  const app = appWith({
    openBackup: async () => ({
      fileName: `call-logger-${ID}.sql.gz`,
      bytes: FILE.length,
      sha256: SHA256,
      read: () => Promise.reject(Object.assign(new Error('gone'), { code: 'BACKUP_GONE' })),
    }),
  });
  const answer = await app.inject({
    url: `/v1/admin/backups/${ID}/download`,
    headers: { range: 'bytes=0-1' },
  });
  t.equal(answer.statusCode, 404);
  t.match(answer.json(), problem('backup_not_found'));
  for (const name of ['content-disposition', 'content-range', 'accept-ranges', 'etag', 'x-backup-sha256'])
    t.notOk(name in answer.headers, name);
});

t.test('a download is whole, or the range that was asked for', async (t) => {
  let reads = 0;
  const app = appWith({
    openBackup: async () => ({
      fileName: `call-logger-${ID}.sql.gz`,
      bytes: FILE.length,
      sha256: SHA256,
      read: async ({ first, last }) => {
        reads += 1;
        return Readable.from([FILE.subarray(first, last + 1)], { objectMode: false });
      },
    }),
  });
  const url = `/v1/admin/backups/${ID}/download`;
  const etag = `"${SHA256}"`;
  for (const [headers, status, body, range] of [
    [{}, 200, '0123456789', undefined],
    [{ range: 'bytes=0-' }, 206, '0123456789', 'bytes 0-9/10'],
    [{ range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
    [{ range: 'bytes=7-99' }, 206, '789', 'bytes 7-9/10'],
    [{ range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
    [{ range: 'bytes=-99' }, 206, '0123456789', 'bytes 0-9/10'],
    [{ range: 'bytes=9-9' }, 206, '9', 'bytes 9-9/10'],
    [{ range: 'bytes=2-4', 'if-range': etag }, 206, '234', 'bytes 2-4/10'],
    [{ range: 'bytes=2-4', 'if-range': '"another"' }, 200, '0123456789', undefined],
    [{ range: 'bytes=4-2' }, 200, '0123456789', undefined],
    [{ range: 'bytes=0-1,4-5' }, 200, '0123456789', undefined],
    [{ range: 'rows=0-1' }, 200, '0123456789', undefined],
    [{ range: 'bytes=-' }, 200, '0123456789', undefined],
  ] as const) {
    const answer = await app.inject({ url, headers: { 'accept-encoding': 'gzip', ...headers } });
    t.equal(answer.statusCode, status, JSON.stringify(headers));
    t.equal(answer.payload, body);
    t.equal(answer.headers['content-encoding'], undefined);
    t.match(answer.headers, {
      'content-type': 'application/gzip',
      'content-length': String(body.length),
      'content-disposition': `attachment; filename="call-logger-${ID}.sql.gz"`,
      'accept-ranges': 'bytes',
      etag,
      'x-backup-sha256': SHA256,
    });
    t.equal(answer.headers['content-range'], range);
  }
  const before = reads;
  for (const range of ['bytes=10-', 'bytes=10-12', 'bytes=-0']) {
    const answer = await app.inject({ url, headers: { range } });
    t.equal(answer.statusCode, 416, range);
    t.equal(answer.headers['content-range'], 'bytes */10');
    t.match(answer.json(), problem('range_not_satisfiable'));
  }
  const head = await app.inject({ method: 'HEAD', url, headers: { range: 'bytes=1-2' } });
  t.equal(head.statusCode, 200);
  t.equal(head.headers['content-length'], '10');
  t.equal(head.payload, '');
  t.equal(reads, before, 'the file is not read for its headers');
});

function runAt(second: number): Run {
  return {
    run_id: `019aa1f2-6c3e-7000-8a3b-2f1d9f7f0b${second}`,
    task: 'cleanup',
    trigger: 'schedule',
    state: 'complete',
    started_at: `2026-11-20T04:00:${second}.000001Z`,
    finished_at: null,
    detail: { deleted: { calls: 1 } },
    error: null,
  };
}

t.test('lists come in pages; a cursor is good for its own list only', async (t) => {
  const runs = [30, 29, 28, 27, 26].map(runAt);
  const asked: RunsQuestion[] = [];
  const app = appWith({
    runs: async (question) => {
      asked.push(question);
      const { after, limit } = question;
      return runs.filter((run) => after === undefined || run.run_id < after.runId).slice(0, limit);
    },
    backups: async () => [COMPLETE, { ...COMPLETE, id: '20261119T181500Z-5f0c9a1e' }],
  });
  const seen: unknown[] = [];
  let cursor: string | null = '';
  do {
    const from: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const answer = await app.inject(`/v1/admin/runs?limit=2&task=cleanup${from}`);
    t.equal(answer.statusCode, 200);
    const page = answer.json<{ runs: unknown[]; next_cursor: string | null }>();
    seen.push(...page.runs);
    cursor = page.next_cursor;
  } while (cursor !== null);
  t.strictSame(seen, runs);
  t.match(asked, [
    { task: 'cleanup', limit: 3, after: undefined },
    { after: { runId: runs[1]?.run_id } },
    {},
  ]);

  const first = (await app.inject('/v1/admin/backups?limit=1')).json<{
    backups: Backup[];
    next_cursor: string;
  }>();
  t.match(first.backups, [{ id: ID }]);
  const second = await app.inject(`/v1/admin/backups?limit=1&cursor=${first.next_cursor}`);
  t.match(second.json(), { backups: [{ id: '20261119T181500Z-5f0c9a1e' }], next_cursor: null });

  for (const query of [
    `cursor=${first.next_cursor}`,
    'cursor=x',
    'cursor=',
    'limit=0',
    'limit=1001',
    'task=lunch',
    'tusk=backup',
  ]) {
    const answer = await app.inject(`/v1/admin/runs?${query}`);
    t.equal(answer.statusCode, 400, query);
  }
});

t.test('dead letters: listed with the payload as received, replayed, deleted', async (t) => {
  const id = '0d0b0f5e-7a5c-4b56-9a53-0c2b8a6f6f11.42';
  const letter = {
    id,
    reason: 'conflict',
    detail: 'another was first',
    event_type: 'call',
    call_id: 'ä',
    event_id: null,
    source: null,
    received_at: '2026-11-20T04:00:00.000001Z',
    dead_lettered_at: '2026-11-20T04:00:01.000001Z',
    replays: 0,
    payload: '{"call_id":"ä"}',
    payload_base64: 'eyJjYWxsX2lkIjoiw6QifQ==',
  } as const;
  const next = { deadLetteredAt: letter.dead_lettered_at, id };
  const asked: unknown[] = [];
  const app = appWith({
    deadLetters: async (question) => {
      asked.push(question);
      return { letters: [letter], next: question.after === undefined ? next : null };
    },
    replayDeadLetter: async (asked) => asked === id,
    replayDeadLetters: async () => ({ replayed: 3, refused: 1 }),
    removeDeadLetter: async (asked) => asked === id,
  });
  const page = (await app.inject('/v1/admin/dead-letters?reason=conflict&limit=1')).json<{
    next_cursor: string;
  }>();
  t.match(page, { dead_letters: [letter], next_cursor: String });
  const last = await app.inject(`/v1/admin/dead-letters?cursor=${page.next_cursor}`);
  t.match(last.json(), { next_cursor: null });
  t.strictSame(asked, [
    { limit: 1, reason: 'conflict', after: undefined },
    { limit: 100, reason: undefined, after: next },
  ]);
  t.equal((await app.inject('/v1/admin/dead-letters?reason=bored')).statusCode, 400);

  const replayed = await app.inject({ method: 'POST', url: `/v1/admin/dead-letters/${id}/replay` });
  t.equal(replayed.statusCode, 202);
  t.strictSame(replayed.json(), { replayed: 1, refused: 0 });
  const all = await app.inject({ method: 'POST', url: '/v1/admin/dead-letters/replay' });
  t.equal(all.statusCode, 202);
  t.strictSame(all.json(), { replayed: 3, refused: 1 });
  t.equal((await app.inject({ method: 'POST', url: '/v1/admin/dead-letters/x/replay' })).statusCode, 404);
  t.equal((await app.inject({ method: 'DELETE', url: `/v1/admin/dead-letters/${id}` })).statusCode, 204);
  t.equal((await app.inject({ method: 'DELETE', url: '/v1/admin/dead-letters/x' })).statusCode, 404);

  for (const [code, status] of [
    ['NOT_REPLAYABLE', 422],
    ['SPOOL_FULL', 503],
  ] as const) {
    const failing = appWith({ replayDeadLetter: () => Promise.reject(codedError(code)) });
    const answer = await failing.inject({ method: 'POST', url: `/v1/admin/dead-letters/${id}/replay` });
    t.equal(answer.statusCode, status);
  }
});
