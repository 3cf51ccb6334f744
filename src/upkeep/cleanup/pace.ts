import { sleep } from '../../lib/backoff.js';

const MAX_REST_MS = 2_000;

/** Does a piece of work, after a rest from the one before. */
export type Paced = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Keeps work that is in no hurry to a part of the time, so that the machine and the database are there for others.
 * @param rest after each piece of work, as a multiple of the time it took
 * @param signal aborted: no more rests
 */
export function pace(rest: number, signal: AbortSignal): Paced {
  let restMs = 0;
  return async (work) => {
    await sleep(restMs, signal);
    const startedAt = performance.now();
    const result = await work();
    restMs = Math.min((performance.now() - startedAt) * rest, MAX_REST_MS);
    return result;
  };
}
