/** A closed loop: each connection sends its next call when it has the answer to the last. */
import autocannon from 'autocannon';
import { Latencies } from './latencies.js';
import { callBodies } from './load-bodies.js';
import type { LoadRequest, LoadResult } from './load.js';

/** How often autocannon looks whether it is time to end. */
const SAMPLE_MS = 100;
/** An answer that is late is a latency, not an error. */
const TIMEOUT_S = 120;

/** Where nobody was answered at all, on a machine that has no time for us, it begins anew and takes twice as long. */
export async function closedLoop(request: LoadRequest): Promise<Omit<LoadResult, 'cpuPercent'>> {
  const { url, connections, durationS, prefix, eventBytes } = request;
  const bodyOf = callBodies(prefix, eventBytes);
  let sent = 0;
  // autocannon's own histogram knows whole milliseconds only.
  const latencies = new Latencies();
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const instance = autocannon(
      {
        url: `${url}/v1/calls`,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        connections,
        duration: durationS,
        sampleInt: SAMPLE_MS,
        timeout: TIMEOUT_S,
        requests: [
          {
            setupRequest: (request) => {
              request.body = bodyOf(sent++);
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
      latencies.record(ms);
    });
  });
  const acknowledged = result['2xx'];
  const errors = result.non2xx + result.errors;
  // Under other ids: calls may be stored whose answers came too late.
  if (acknowledged + errors === 0)
    return closedLoop({ ...request, durationS: 2 * durationS, prefix: `${prefix}-again` });
  return {
    acknowledged,
    errors,
    seconds: (result.finish.getTime() - result.start.getTime()) / 1000,
    ...latencies.percentiles(),
    lagMs: null,
  };
}
