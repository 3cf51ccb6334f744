import { randomInt } from 'node:crypto';
import t from 'tap';
import { fuzzFresh } from './fuzz/fresh.js';
import { summary } from './fuzz/summary.js';

t.setTimeout(240_000);

const REQUESTS = 1_500;
/** `npm run fuzz` asks for 200; a busy machine is not to fail. */
const MOST_BLOCKED_MS = 1_000;
/** The one that is always the same. */
const SEED = 7;

t.test(
  'whatever is thrown at the door, it answers as promised, keeps what it acknowledged, and stays as it was',
  async (t) => {
    for (const seed of [SEED, randomInt(2 ** 31)]) {
      await t.test(`seed ${seed}`, async (t) => {
        const report = await fuzzFresh(t, {
          seed,
          first: 0,
          requests: REQUESTS,
          connections: 8,
          mostBlockedMs: MOST_BLOCKED_MS,
        });
        t.equal(report.complaints.length, 0, summary(report));
        t.equal(report.requests, REQUESTS);
        t.ok(report.acknowledged > 300 && report.compared > 300, 'much of what it sends is events');
        if (seed !== SEED) return;
        for (const status of ['200', '202', '207', '400', '404', '413', '415', '422', '431'])
          t.ok(Number(report.answers[status]) > 0, `${status} is among the answers`);
      });
    }
  },
);
