/**
 * The threads that encode. One that is through with an export waits for the next and never ends: a thread of Node 20 that
 * ends waits for the compiler's work, which may be waiting for that thread to collect its garbage (nodejs/node#54918). It
 * then stays for ever, so do all that end after it, each with its memory, and the process cannot exit any more.
 */
import type { Worker } from 'node:worker_threads';
import { startWorker } from '../../../../lib/module-worker.js';

const idle: Worker[] = [];

/** One that nobody else has; it keeps the process alive until it is given back. */
export function takeThread(): Worker {
  const thread = idle.pop() ?? newThread();
  thread.ref();
  return thread;
}

/** It must have nothing to do any more, and nothing to say. */
export function giveBackThread(thread: Worker): void {
  thread.unref();
  idle.push(thread);
}

function newThread(): Worker {
  const thread = startWorker(new URL('./encoding-thread', import.meta.url), undefined);
  // Without a listener of its own an error would end the process.
  thread.on('error', () => {
    const place = idle.indexOf(thread);
    if (place !== -1) idle.splice(place, 1);
  });
  return thread;
}
