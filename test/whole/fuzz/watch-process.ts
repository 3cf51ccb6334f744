/**
 * Asks the service every 20 ms whether it lives, from a process of its own, so that nothing but the service can delay the
 * answer: its longest time is how long the event loop was blocked. What service and watcher waited for a processor
 * (Linux tells) is not counted, or a busy machine would look like a busy loop.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Pause } from './watch.js';

const EVERY_MS = 20;
const port = Number(process.argv[2]);
const pid = Number(process.argv[3]);

/** How long the main thread of a process has waited for a processor so far, in ms; 0 where nobody tells. */
function waitedMs(process: number): number {
  try {
    return Number(readFileSync(`/proc/${process}/task/${process}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

const socket = connect({ host: '127.0.0.1', port, noDelay: true });
socket.on('error', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
await once(socket, 'connect');
let longestMs = -1;
for (;;) {
  const waited = waitedMs(pid) + waitedMs(process.pid);
  const begin = performance.now();
  socket.write('GET /livez HTTP/1.1\r\nhost: watch\r\n\r\n');
  await once(socket, 'data');
  const wallMs = performance.now() - begin;
  const blockedMs = Math.max(0, wallMs - (waitedMs(pid) + waitedMs(process.pid) - waited));
  const pause: Pause = { wallMs, blockedMs, endedAt: Date.now() };
  if (blockedMs > longestMs) {
    longestMs = blockedMs;
    process.send?.(pause);
  }
  await delay(EVERY_MS);
}
