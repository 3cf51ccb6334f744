import { parentPort, workerData } from 'node:worker_threads';
import type { Rhythm } from './metronome.js';

const { everyMs, unheard } = workerData as Rhythm;
const never = new Int32Array(new SharedArrayBuffer(4));
for (;;) {
  Atomics.wait(never, 0, 0, everyMs);
  if (Atomics.exchange(unheard, 0, 1) === 0) parentPort?.postMessage(null);
}
