/** How long senders and health checks wait, one request after another, by themselves and beside other work. */
import type { Answer, ReadsClient } from './reads-client.js';

export interface ProbeSample {
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export interface Probes {
  readonly livez: ProbeSample;
  readonly post: ProbeSample;
}

const PAUSE_MS = 5;

/** Asks again and again until `over` settles. */
export async function probeUntil(client: ReadsClient, over: Promise<unknown>): Promise<Probes> {
  const ended = new AbortController();
  const work = over.finally(() => {
    ended.abort();
  });
  const livez: number[] = [];
  const post: number[] = [];
  const call = { call_type: 'good_ev', book_a: 'bet365', odds_a: 110, roi_percent: 2 };
  do {
    livez.push(timed(await client.get('/livez'), 200));
    post.push(timed(await client.post('/v1/calls', call), 202));
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  } while (!ended.signal.aborted);
  await work;
  return { livez: sampleOf(livez), post: sampleOf(post) };
}

function timed({ status, ms }: Answer, wanted: number): number {
  if (status !== wanted) throw new Error(`a probe was answered with ${status}`);
  return ms;
}

function sampleOf(times: readonly number[]): ProbeSample {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? NaN;
  return { requests: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
