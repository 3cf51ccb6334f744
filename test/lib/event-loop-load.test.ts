import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { EventLoopLoad } from '../../src/lib/event-loop-load.js';

const WINDOW_MS = 300;

t.test('a thread that works is busy, one that waits is not', async (t) => {
  const load = new EventLoopLoad();
  const end = performance.now() + WINDOW_MS;
  while (performance.now() < end) await new Promise(setImmediate);
  const working = load.share;
  t.equal(load.share, working, 'looked at again only after a while');
  await setTimeout(WINDOW_MS);
  const waiting = load.share;
  t.ok(working > 0.5 && waiting < working / 2, `${working} at work, ${waiting} at rest`);
});
