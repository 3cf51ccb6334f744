import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import type { Judgement } from '../../src/http/judging/judgement.js';
import { type Judging, judgingHere } from '../../src/http/judging/judging.js';
import {
  JudgingFailedError,
  startJudgingThread,
  ThreadedJudging,
} from '../../src/http/judging/threaded-judging.js';
import { MAX_EVENTS_PER_REQUEST } from '../../src/http/limits.js';
import { testApp } from '../helpers/app.js';
import { root } from '../helpers/program.js';

const FIXTURE = readFileSync(`${root}test/fixtures/events.ndjson`);
const delivery = { receivedAt: '2026-11-20T00:00:00.000000Z', source: 'bot' };

function threaded(t: Test): ThreadedJudging {
  const judging = new ThreadedJudging(() => undefined);
  t.teardown(() => {
    judging.close();
  });
  return judging;
}

/** The judgements of a body that comes in chunks of so many bytes. */
async function judged(judging: Judging, body: Buffer, chunkBytes: number): Promise<Judgement[]> {
  const lines = judging.lines(delivery);
  const parts: Promise<readonly Judgement[]>[] = [];
  for (let at = 0; at < body.length; at += chunkBytes)
    parts.push(lines.push(body.subarray(at, at + chunkBytes)));
  parts.push(lines.end());
  lines.close();
  return (await Promise.all(parts)).flat();
}

t.test('a thread judges as the door itself does, wherever the body is cut', async (t) => {
  const rest = '\n\n{"type":"call"}\n{\n\xff\n{"type":"click","call_id":"é","event_id":"k"}';
  const body = Buffer.concat([FIXTURE, Buffer.from(rest, 'latin1')]);
  const expected = await judged(judgingHere, body, body.length);
  t.ok(expected.some((judgement) => judgement.ok) && expected.some((judgement) => 'fault' in judgement));
  const judging = threaded(t);
  for (const chunkBytes of [97, 1_000, body.length])
    t.strictSame(await judged(judging, body, chunkBytes), expected, `${chunkBytes}`);
});

t.test('bodies that are judged at the same time do not mix', async (t) => {
  const judging = threaded(t);
  const expected = await judged(judgingHere, FIXTURE, FIXTURE.length);
  const all = await Promise.all([100, 333, 1_000].map((bytes) => judged(judging, FIXTURE, bytes)));
  for (const judgements of all) t.strictSame(judgements, expected);
});

t.test('a body of endless lines is judged no further than its refusal needs', async (t) => {
  const judgements = await judged(judgingHere, Buffer.from('{}\n'.repeat(50_000)), 64 * 1024);
  t.equal(judgements.length, MAX_EVENTS_PER_REQUEST + 1);
});

t.test('when the thread ends, the bodies in its hands are refused, and the next are judged', async (t) => {
  const failures: Error[] = [];
  const short = `require('node:worker_threads').parentPort.once('message', () => process.exit(1))`;
  const state = { isBroken: true };
  const judging = new ThreadedJudging(
    (error) => failures.push(error),
    () => (state.isBroken ? new Worker(short, { eval: true }) : startJudgingThread()),
  );
  t.teardown(() => {
    judging.close();
  });
  const { app } = testApp({ judging });
  const post = () =>
    app.inject({
      method: 'POST',
      url: '/v1/events',
      headers: { 'content-type': 'application/x-ndjson' },
      payload: FIXTURE,
    });
  t.match((await post()).json(), { status: 503, type: /busy$/ });
  const lines = judging.lines(delivery);
  await t.rejects(lines.push(FIXTURE), JudgingFailedError);
  t.ok(failures.length >= 2);
  state.isBroken = false;
  t.equal((await post()).statusCode, 202);
  await t.rejects(lines.push(FIXTURE), JudgingFailedError, 'the new thread knows nothing of the old body');
});
