/**
 * Makes the load, in a process of its own so that it can be told apart from everything else: single calls over some
 * connections, each connection sending its next call when it has the answer to the last.
 */
import { createHistogram } from 'node:perf_hooks';
import autocannon from 'autocannon';
import type { LoadRequest, LoadResult } from './load.js';
import { fixtureEvents } from './rows.js';

const CALL_ID = 'THE-CALL-ID';
const sentAt = new Date().toISOString();
/**
 * The fixture's calls as text, cut where the id goes: an id costs two concatenations. Sent today, or a cleanup would find
 * them as old as they come.
 */
const templates = fixtureEvents()
  .filter((event) => event.type === 'call')
  .map((call) => JSON.stringify({ ...call, call_id: CALL_ID, sent_at: sentAt }).split(CALL_ID));

async function run({ url, connections, durationS, prefix }: LoadRequest): Promise<LoadResult> {
  let sent = 0;
  // In microseconds: autocannon's own histogram knows whole milliseconds only.
  const latency = createHistogram();
  const cpu = process.cpuUsage();
  const begin = performance.now();
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon(
      {
        url: `${url}/v1/calls`,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        connections,
        duration: durationS,
        requests: [
          {
            setupRequest: (request) => {
              const [head = '', tail = ''] = templates[sent % templates.length] ?? [];
              request.body = `${head}${prefix}-${sent++}${tail}`;
              return request;
            },
          },
        ],
      },
      (error: unknown, outcome) => {
        if (error instanceof Error) reject(error);
        else resolve(outcome);
      },
    );
    instance.on('response', (_client, _status, _bytes, ms) => {
      latency.record(Math.max(1, Math.round(ms * 1000)));
    });
  });
  const wallMs = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  return {
    acknowledged: result['2xx'],
    errors: result.non2xx + result.errors,
    seconds: (result.finish.getTime() - result.start.getTime()) / 1000,
    p50Ms: latency.percentile(50) / 1000,
    p99Ms: latency.percentile(99) / 1000,
    p999Ms: latency.percentile(99.9) / 1000,
    cpuPercent: (user + system) / 10 / wallMs,
  };
}

process.on('message', (request: LoadRequest) => {
  void run(request).then((result) => process.send?.(result));
});
