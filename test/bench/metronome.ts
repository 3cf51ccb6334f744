import { once } from 'node:events';
import { startWorker } from '../../src/lib/module-worker.js';

const EVERY_MS = 0.25;

/** What its thread is told. */
export interface Rhythm {
  readonly everyMs: number;
  /** [0]: 1 from a beat until it was heard, so that beats do not pile up; shared memory. */
  readonly unheard: Int32Array;
}

/**
 * Beats four times a millisecond, from a thread that sleeps in between: timers of an event loop know whole milliseconds
 * and come up to one late.
 * @returns when it beats: what ends it
 */
export async function startMetronome(onBeat: () => void): Promise<() => void> {
  const rhythm: Rhythm = { everyMs: EVERY_MS, unheard: new Int32Array(new SharedArrayBuffer(4)) };
  const thread = startWorker(new URL('metronome-thread', import.meta.url), rhythm);
  await once(thread, 'message');
  thread.on('message', () => {
    Atomics.store(rhythm.unheard, 0, 0);
    onBeat();
  });
  Atomics.store(rhythm.unheard, 0, 0);
  return () => void thread.terminate();
}
