import { join } from 'node:path';
import t from 'tap';
import { Batcher, type BatcherOptions, type CutBatch } from '../../src/drain/batcher.js';
import { openSpool, type SpoolOptions } from '../../src/spool/spool.js';
import type { Spool, SpoolReader } from '../../src/spool/types.js';
import type { Teardown } from '../helpers/postgres.js';
import { temporaryDirectory } from '../helpers/service.js';

/** No test waits for this age. */
const NEVER_MS = 3_600_000;

async function spoolIn(t: Teardown, options: Partial<SpoolOptions> = {}): Promise<Spool> {
  const directory = join(await temporaryDirectory(t), 'spool');
  const spool = await openSpool({ directory, maxBytes: 2 ** 24, ...options });
  t.teardown(() => spool.close());
  return spool;
}

function batcherOn(reader: SpoolReader, options: Partial<BatcherOptions> = {}): Batcher {
  return new Batcher(reader, { maxEvents: 10, maxBytes: 2 ** 20, maxWaitMs: NEVER_MS, ...options });
}

const records = (count: number, bytes = 8): Buffer[] =>
  Array.from({ length: count }, () => Buffer.alloc(bytes, 'x'));

/** Cause, first and last sequence counted from the opening, and how many. */
function told(spool: Spool, cut: CutBatch | null): unknown {
  if (cut === null) return null;
  const [first, last] = [cut.records[0], cut.records.at(-1)].map(
    (record) => (record?.sequence ?? NaN) - spool.openedAt,
  );
  return [cut.cause, first, last, cut.records.length];
}

t.test('a batch is cut when it has as many events as it may, and the rest waits for company', async (t) => {
  const spool = await spoolIn(t);
  const batcher = batcherOn(spool.reader(0));
  await spool.append(records(25));
  t.strictSame(told(spool, await batcher.next()), ['size', 0, 9, 10]);
  t.strictSame(told(spool, await batcher.next()), ['size', 10, 19, 10]);
  const third = batcher.next();
  await spool.append(records(5));
  t.strictSame(told(spool, await third), ['size', 20, 29, 10]);
});

t.test('a batch is cut at its bytes, and a record larger than them goes alone', async (t) => {
  const spool = await spoolIn(t);
  const batcher = batcherOn(spool.reader(0), { maxBytes: 100 });
  await spool.append([...records(3, 40), ...records(1, 1000), ...records(3, 50)]);
  const sizes: number[][] = [];
  for (let cut = 0; cut < 4; cut++) {
    if (cut === 3) batcher.flush();
    const batch = await batcher.next();
    sizes.push((batch?.records ?? []).map(({ bytes }) => bytes.length));
  }
  t.strictSame(sizes.flat(), [40, 40, 40, 1000, 50, 50, 50], 'in order, none lost');
  for (const size of sizes) {
    const beforeLast = size.slice(0, -1).reduce((sum, bytes) => sum + bytes, 0);
    t.ok(beforeLast < 100, `${size.join('+')}: at most one record beyond the limit`);
  }
});

t.test('a batch that is not full is cut when its first record has waited long enough', async (t) => {
  const spool = await spoolIn(t);
  const batcher = batcherOn(spool.reader(0), { maxWaitMs: 20 });
  const cut = batcher.next();
  await spool.append(records(1));
  await spool.append(records(2));
  t.match(told(spool, await cut), ['age', 0]);
  const atOnce = batcherOn(spool.reader(0), { maxWaitMs: 0 });
  t.strictSame(told(spool, await atOnce.next()), ['age', 0, 2, 3]);
});

t.test('a flush cuts what is there at once, all of it, and then no more', async (t) => {
  const spool = await spoolIn(t);
  const batcher = batcherOn(spool.reader(0));
  await spool.append(records(13));
  const first = batcher.next();
  batcher.flush();
  t.strictSame(told(spool, await first), ['size', 0, 9, 10]);
  t.strictSame(told(spool, await batcher.next()), ['flush', 10, 12, 3]);

  const later = batcher.next();
  await spool.append(records(4));
  await spool.append(records(6));
  t.strictSame(told(spool, await later), ['size', 13, 22, 10], 'the flush is over');
});

t.test('a flush reaches records that were synced while the batcher found nothing', async (t) => {
  const spool = await spoolIn(t);
  const inner = spool.reader(0);
  let looks = 0;
  const reader: SpoolReader = {
    next: async (limits) => {
      const found = await inner.next(limits);
      if (++looks === 1) {
        await spool.append(records(3));
        batcher.flush();
      }
      return found;
    },
    whenMore: (signal) => inner.whenMore(signal),
  };
  const batcher: Batcher = batcherOn(reader);
  t.strictSame(told(spool, await batcher.next()), ['flush', 0, 2, 3]);
});

t.test('a batch ends with its segment', async (t) => {
  const spool = await spoolIn(t, { segmentBytes: 4096 });
  const batcher = batcherOn(spool.reader(0), { maxEvents: 1000 });
  for (let segment = 0; segment < 3; segment++) await spool.append(records(2, 1200));
  const cuts = [await batcher.next(), await batcher.next()];
  t.strictSame(
    cuts.map((cut) => told(spool, cut)),
    [
      ['gap', 0, 1, 2],
      ['gap', 2, 3, 2],
    ],
  );
  for (const cut of cuts) t.equal(new Set(cut?.records.map(({ segment }) => segment)).size, 1);
});

t.test('a batch ends where records are missing because an earlier batch stored them', async (t) => {
  const spool = await spoolIn(t);
  await spool.append(records(9));
  spool.release(spool.openedAt + 3, spool.openedAt + 5);
  const batcher = batcherOn(spool.reader(0));
  t.strictSame(told(spool, await batcher.next()), ['gap', 0, 2, 3]);
  batcher.flush();
  t.strictSame(told(spool, await batcher.next()), ['flush', 6, 8, 3]);
});

t.test('closing ends the wait and every later one, whatever is on the spool', async (t) => {
  const spool = await spoolIn(t);
  const empty = batcherOn(spool.reader(0));
  const waiting = empty.next();
  empty.close();
  t.equal(await waiting, null);

  await spool.append(records(3));
  const aging = batcherOn(spool.reader(0));
  const cut = aging.next();
  aging.close();
  t.equal(await cut, null);
  t.equal(await aging.next(), null);
  t.equal(spool.stats().spooled, 3);
});

t.test('a spool that cannot be read any more ends the wait with its error', async (t) => {
  const spool = await spoolIn(t);
  const batcher = batcherOn(spool.reader(0));
  const ended = t.rejects(batcher.next(), { name: 'SpoolClosedError' });
  await spool.close();
  await ended;
});
