import { setTimeout as sleep } from 'node:timers/promises';
import { ClusterError } from './errors.js';
import { signal } from './processes.js';

/** How long each request to end may take before the next, harsher one. */
const patienceMs = 5_000;
const pollMs = 20;

/**
 * Waits until `remaining()` is empty, asking with one signal after the other; undefined only waits.
 * @throws ClusterError when some are still there after the last
 */
export async function endProcesses(
  remaining: () => number[],
  steps: readonly (NodeJS.Signals | undefined)[],
): Promise<void> {
  for (const step of steps) {
    if (step) for (const pid of remaining()) signal(pid, step);
    const end = Date.now() + patienceMs;
    while (Date.now() < end) {
      if (remaining().length === 0) return;
      await sleep(pollMs);
    }
  }
  throw new ClusterError(`PostgreSQL processes do not end: ${remaining().join(', ')}.`);
}
