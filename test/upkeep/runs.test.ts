import type pg from 'pg';
import t from 'tap';
import { LockLostError, NotDueError, TaskBusyError } from '../../src/upkeep/errors.js';
import { type Assignment, markAbandoned, runExclusively, type Runner } from '../../src/upkeep/exclusive.js';
import { beginRun, listRuns, type Run } from '../../src/upkeep/runs.js';
import { TaskLock } from '../../src/upkeep/task-lock.js';
import { settlesWithin } from '../../src/lib/deadline.js';
import { Deferred } from '../../src/lib/deferred.js';
import { classify, isUnavailable } from '../../src/store/errors.js';
import { drainPool, silent, until } from '../helpers/drain.js';
import { createGate } from '../helpers/gate.js';
import { patientPool } from '../helpers/patient-pool.js';
import { createMigratedDatabase } from '../helpers/postgres.js';

const AT = Date.parse('2026-11-20T04:00:00Z');

function runnerOf(pool: pg.Pool, signal = new AbortController().signal): Runner {
  return { pool, signal, log: silent, now: () => AT };
}

function assignment(task: Assignment['task'], detail = {}): Assignment {
  return { task, trigger: 'manual', detail };
}

async function only(pool: pg.Pool): Promise<Run> {
  const [run, ...others] = await listRuns(pool, { limit: 10 });
  if (run === undefined || others.length > 0) throw new Error('there is not exactly one run');
  return run;
}

t.test('of each task one runs at a time on a database, in whatever process', async (t) => {
  const database = await createMigratedDatabase(t);
  const [here, there] = [drainPool(t, database.url), drainPool(t, database.url)];
  const began = new Deferred<null>();
  const mayEnd = new Deferred<null>();
  const first = runExclusively(runnerOf(here), assignment('backup'), async () => {
    began.resolve(null);
    await mayEnd.promise;
    return { result: 'first', detail: {} };
  });
  await began.promise;
  const done = async () => ({ result: 'second', detail: {} });
  await t.rejects(runExclusively(runnerOf(there), assignment('backup'), done), TaskBusyError);
  await t.rejects(runExclusively(runnerOf(here), assignment('backup'), done), { code: 'TASK_BUSY' });
  t.equal(await runExclusively(runnerOf(there), assignment('cleanup'), done), 'second');
  mayEnd.resolve(null);
  t.equal(await first, 'first');
  t.equal(await runExclusively(runnerOf(there), assignment('backup'), done), 'second');
  const runs = await listRuns(here, { limit: 10 });
  t.strictSame(
    runs.map(({ state }) => state),
    ['complete', 'complete', 'complete'],
    'the refused left no trace',
  );
});

t.test('the audit says what a run was about, what it did, and why it failed', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url);
  await runExclusively(runnerOf(pool), assignment('cleanup', { cutoff: 'then' }), async () => {
    t.match(await only(pool), { state: 'running', finished_at: null, detail: { cutoff: 'then' } });
    return { result: 1, detail: { deleted: 7 } };
  });
  const at = '2026-11-20T04:00:00.000000Z';
  t.match(await only(pool), {
    task: 'cleanup',
    trigger: 'manual',
    state: 'complete',
    started_at: at,
    finished_at: at,
    detail: { cutoff: 'then', deleted: 7 },
    error: null,
  });
  const failing = runExclusively(runnerOf(pool), assignment('verify'), async () => {
    throw new Error('no such luck');
  });
  await t.rejects(failing, { message: 'no such luck' });
  t.match((await listRuns(pool, { limit: 1, task: 'verify' }))[0], {
    state: 'failed',
    error: 'no such luck',
  });
});

t.test('a run that the end of the process cut short is stopped, not failed', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url);
  const stopping = new AbortController();
  const runner = runnerOf(pool, stopping.signal);
  await runExclusively(runner, assignment('cleanup'), async (signal) => {
    stopping.abort(new Error('the end'));
    return { result: 1, detail: { deleted: 3 }, stopped: signal.aborted };
  });
  t.match(await only(pool), { state: 'stopped', detail: { deleted: 3 }, error: null });
  const thrown = runExclusively(runner, assignment('backup'), async (signal) => {
    signal.throwIfAborted();
    return { result: 1, detail: {} };
  });
  await t.rejects(thrown, { message: 'the end' });
  t.match((await listRuns(pool, { limit: 1, task: 'backup' }))[0], { state: 'stopped' });
});

t.test('an audit that cannot be written does not hold up the end of the process', async (t) => {
  const gate = await createGate(t, (await createMigratedDatabase(t)).url);
  await gate.open();
  const stopping = new AbortController();
  const run = runExclusively(
    runnerOf(drainPool(t, gate.url), stopping.signal),
    assignment('backup'),
    async (signal) => {
      await gate.shut();
      stopping.abort(new Error('the end'));
      signal.throwIfAborted();
      return { result: 1, detail: {} };
    },
  );
  t.ok(await settlesWithin(run, 6_000), 'as it would be waited for without a stop for ten seconds');
  await t.rejects(run);
});

t.test('a run that lost its lock is told to end, and has failed', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url);
  const run = runExclusively(runnerOf(pool), assignment('cleanup'), async (signal) => {
    await pool.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objsubid = 2
       and database = (select oid from pg_database where datname = current_database())`,
    );
    await until(() => signal.aborted);
    return { result: 1, detail: {}, stopped: true };
  });
  await t.rejects(run, LockLostError);
  t.match(await only(pool), { state: 'failed', error: /connection .* broke/ });
  t.equal(
    await runExclusively(runnerOf(pool), assignment('cleanup'), async () => ({ result: 2, detail: {} })),
    2,
  );
});

t.test('a lock whose connection falls silent is lost while the work goes on, and free again', async (t) => {
  const database = await createMigratedDatabase(t);
  const other = drainPool(t, database.url);
  const ways = [
    ['PostgreSQL says so', { lookEveryMs: 20, silentAfterMs: 200 }, { askEveryMs: 10, lostAfterMs: 60_000 }],
    // Such as while PostgreSQL cannot be asked.
    ['nobody answers', { lookEveryMs: 60_000, silentAfterMs: 60_000 }, { askEveryMs: 10, lostAfterMs: 200 }],
  ] as const;
  for (const [way, silence, times] of ways) {
    const { pool, proxy } = await patientPool(t, database.url, silence, 1);
    const lock = await TaskLock.take(pool, 'backup', times);
    if (lock === null) throw new Error('somebody else has it');
    t.equal(await TaskLock.take(other, 'backup'), null);
    await lock.during(async () => {
      proxy.silence();
      await until(() => lock.lost.aborted);
    });
    t.type(lock.lost.reason, LockLostError, way);
    t.ok(isUnavailable(classify(lock.lost.reason)), 'as if PostgreSQL were away');
    await lock.release();
    await untilFree(other, 'backup');
  }
});

t.test('a lock is given back also when its connection says nothing any more', async (t) => {
  const database = await createMigratedDatabase(t);
  const silence = { lookEveryMs: 60_000, silentAfterMs: 60_000 };
  const { pool, proxy } = await patientPool(t, database.url, silence, 1);
  const lock = await TaskLock.take(pool, 'backup');
  proxy.silence();
  await lock?.release();
  await untilFree(drainPool(t, database.url), 'backup');
});

async function untilFree(pool: pg.Pool, task: Assignment['task']): Promise<void> {
  await until(async () => {
    const lock = await TaskLock.take(pool, task);
    await lock?.release();
    return lock !== null;
  });
}

t.test('runs whose process died are called interrupted, those that live are left alone', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url, 4);
  const started_at = '2026-11-19T04:00:00.000000Z';
  for (const task of ['backup', 'cleanup', 'verify'] as const)
    await beginRun(pool, { task, trigger: 'schedule', started_at, detail: {} });
  const states = async () =>
    Object.fromEntries((await listRuns(pool, { limit: 10 })).map(({ task, state }) => [task, state]));

  await runExclusively(runnerOf(pool), assignment('backup'), async () => {
    const backups = await listRuns(pool, { limit: 10, task: 'backup' });
    t.strictSame(
      backups.map(({ state }) => state),
      ['running', 'interrupted'],
      'the next run of the task sees it',
    );
    t.equal((await states())['cleanup'], 'running');
    await markAbandoned(runnerOf(pool));
    t.equal((await listRuns(pool, { limit: 1, task: 'backup' }))[0]?.state, 'running');
    return { result: 1, detail: {} };
  });
  t.match(await states(), { cleanup: 'interrupted', verify: 'interrupted' });
});

t.test('what another one has done meanwhile is not done again', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url);
  const late = { ...assignment('backup'), isDue: async () => false };
  const work = async () => ({ result: 1, detail: {} });
  await t.rejects(runExclusively(runnerOf(pool), late, work), NotDueError);
  t.strictSame(await listRuns(pool, { limit: 1 }), []);
  t.equal(await runExclusively(runnerOf(pool), { ...late, isDue: async () => true }, work), 1);
});

t.test('runs are listed newest first, in pages that neither repeat nor leave out any', async (t) => {
  const pool = drainPool(t, (await createMigratedDatabase(t)).url);
  for (let i = 0; i < 7; i++) {
    // Several of one moment.
    const started_at = `2026-11-${10 + Math.floor(i / 3)}T04:00:00.000001Z`;
    const task = i % 2 === 0 ? 'cleanup' : 'backup';
    await beginRun(pool, { task, trigger: 'manual', started_at, detail: { i } });
  }
  const all = await listRuns(pool, { limit: 100 });
  t.equal(all.length, 7);
  const paged: Run[] = [];
  for (;;) {
    const last = paged.at(-1);
    const after = last && { startedAt: last.started_at, runId: last.run_id };
    const page = await listRuns(pool, { limit: 2, after });
    if (page.length === 0) break;
    paged.push(...page);
  }
  t.strictSame(paged, all);
  t.strictSame(
    [...all].sort((a, b) => (a.started_at < b.started_at ? 1 : a.started_at > b.started_at ? -1 : 0)),
    all,
  );
  const backups = await listRuns(pool, { limit: 100, task: 'backup' });
  t.equal(backups.length, 3);
  t.ok(backups.every(({ task }) => task === 'backup'));
});
