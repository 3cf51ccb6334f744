import t from 'tap';
import { DiskFullError, SpoolBusyError, SpoolClosedError, SpoolFailedError } from '../../src/spool/spool.js';
import { bytesOf, openOn, readAll, settled, texts } from './helpers.js';
import { MemoryDisk, systemError } from './memory-disk.js';

t.test('what was appended comes out unchanged and in order, also after a restart', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  const binary = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const first = await spool.append([binary, Buffer.alloc(0)]);
  const second = await spool.append(bytesOf('last'));
  t.same(second, { first: first.first + 2, count: 1 });
  const before = await readAll(spool);
  await spool.close();
  const { spool: again } = await openOn(disk.killed());
  const after = await readAll(again);
  for (const records of [before, after]) {
    t.same(
      records.map(({ sequence }) => sequence),
      [first.first, first.first + 1, second.first],
    );
    t.same(
      records.map(({ bytes }) => bytes),
      [binary, Buffer.alloc(0), Buffer.from('last')],
    );
  }
  t.same(
    before.map(({ checksum }) => checksum),
    after.map(({ checksum }) => checksum),
  );
  t.match(again.stats(), { accepted: 3, spooled: 3, state: 'open', id: spool.id, lastError: null });
  t.equal(again.syncedThrough, second.first);
  t.ok(again.openedAt > second.first);
});

t.test('an append resolves only after its bytes are synced, and is seen by readers only then', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  let letSync = (): void => undefined;
  const held = new Promise<void>((resolve) => (letSync = resolve));
  disk.onCall = ({ operation }) => (operation === 'datasync' ? held : undefined);
  let resolved = false;
  const appended = spool.append(bytesOf('a')).then(() => (resolved = true));
  await settled();
  t.equal(disk.calls.at(-1)?.operation, 'datasync', 'written and being synced');
  t.notOk(resolved);
  t.same(await readAll(spool), []);
  letSync();
  await appended;
  t.same(texts(await readAll(spool)), ['a']);
});

t.test('a new segment and its name are durable before any record goes into it', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  await spool.append(bytesOf('a'));
  const steps = disk.calls
    .filter(({ name }) => name.endsWith('.seg') || name === '.')
    .map(({ operation }) => operation);
  t.same(steps.slice(-6), ['create', 'write', 'datasync', 'syncDirectory', 'write', 'datasync']);
});

t.test('appends that wait together share one write and one sync', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  disk.calls.length = 0;
  const receipts = await Promise.all(
    Array.from({ length: 500 }, (_, index) => spool.append(bytesOf(`r${index}`))),
  );
  t.same(
    receipts.map(({ first }) => first - (receipts[0]?.first ?? 0)),
    receipts.map((_, index) => index),
    'in the order of the calls',
  );
  t.equal(disk.calls.filter(({ operation }) => operation === 'datasync').length, 1);
  t.equal(disk.calls.filter(({ operation }) => operation === 'write').length, 1);
});

t.test('one append larger than a group or a segment is still one write in one segment', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk, { maxBytes: 2 ** 26, segmentBytes: 65_536 });
  await spool.append(bytesOf('small'));
  disk.calls.length = 0;
  const { first, count } = await spool.append(Array.from({ length: 100 }, () => Buffer.alloc(100_000, 'x')));
  t.equal(count, 100);
  t.equal(disk.calls.filter(({ operation, length }) => operation === 'write' && length > 5000).length, 1);
  await spool.append(bytesOf('after'));
  const records = await readAll(spool, first - 1);
  t.equal(records.length, 101);
  t.ok(records.slice(0, 100).every(({ bytes }) => bytes.equals(Buffer.alloc(100_000, 'x'))));
  await spool.close();
});

t.test(
  'an append of nothing, of too many records or of too many bytes is refused by its limit',
  async (t) => {
    const { spool } = await openOn(new MemoryDisk());
    await t.rejects(spool.append([]), { name: 'RangeError', message: /1 to 10000 records, not 0/ });
    await t.rejects(spool.append(Array.from({ length: 10_001 }, () => Buffer.alloc(1))), /not 10001/);
    await t.rejects(spool.append([Buffer.alloc(2 ** 24 + 1)]), /a record holds at most 16777216 bytes/);
    const large = Buffer.alloc(2 ** 24);
    await t.rejects(spool.append([large, large, large, large]), /at most 58720256 bytes/);
    t.equal(spool.stats().accepted, 0);
  },
);

t.test('short writes are carried on', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  disk.onCall = ({ operation, length }) => (operation === 'write' ? Math.ceil(length / 3) : undefined);
  await spool.append(bytesOf('one', 'two', 'three'));
  t.same(texts(await readAll((await openOn(disk.killed())).spool)), ['one', 'two', 'three']);
});

for (const code of ['ENOSPC', 'EDQUOT']) {
  t.test(`${code} refuses the group, leaves nothing of it, and passes by itself`, async (t) => {
    const disk = new MemoryDisk();
    const { spool, faults } = await openOn(disk, { clock: () => 5_000 });
    await spool.append(bytesOf('before'));
    let writes = 0;
    disk.onCall = ({ operation, length }) => {
      if (operation !== 'write') return undefined;
      // Two of the three are written whole, and the next append is shorter than they are.
      if (writes++ === 0) return Math.floor(length * 0.8);
      throw systemError(code);
    };
    const refused = [spool.append(bytesOf('lost 1')), spool.append(bytesOf('lost 2', 'lost 3'))];
    const told = {
      code: 'DISK_FULL',
      retryAfterS: 5,
      detail: `The disk of the spool took no more (${code}).`,
    };
    for (const one of refused) await t.rejects(one, told);
    t.match(spool.stats(), { state: 'full', lastError: told.detail, lastErrorAtMs: 5_000, accepted: 1 });
    t.equal(faults.filter(({ kind }) => kind === 'full').length, 1);
    disk.onCall = () => undefined;
    await spool.append(bytesOf('after'));
    t.match(spool.stats(), { state: 'open', lastError: null, lastErrorAtMs: null, accepted: 2 });
    t.same(texts(await readAll(spool)), ['before', 'after']);
    t.same(texts(await readAll((await openOn(disk.killed())).spool)), ['before', 'after']);
  });
}

t.test(
  'a full disk at opening still opens, hands out what is there, and takes appends once there is room',
  async (t) => {
    const disk = new MemoryDisk();
    const { spool: before } = await openOn(disk);
    await before.append(bytesOf('kept'));
    const full = disk.killed();
    full.onCall = ({ operation }) => {
      if (operation === 'write') throw systemError('ENOSPC');
    };
    const { spool, faults } = await openOn(full);
    t.match(
      faults.map(({ kind }) => kind),
      ['full', 'seal', 'full'],
    );
    t.same(texts(await readAll(spool)), ['kept']);
    await t.rejects(spool.append(bytesOf('no')), DiskFullError);
    spool.release(1, before.syncedThrough);
    await settled();
    t.equal(full.segmentNames().length, 1, 'the newest name is kept: it tells which sequences were used');
    full.onCall = () => undefined;
    const { first } = await spool.append(bytesOf('yes'));
    t.equal(first, spool.openedAt);
    t.same(texts(await readAll(spool)), ['yes']);
  },
);

t.test('running out of file handles refuses and passes by itself', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk, { segmentBytes: 4096 });
  await spool.append([Buffer.alloc(3000)]);
  disk.onCall = ({ operation }) => {
    if (operation === 'create') throw systemError('EMFILE');
  };
  await t.rejects(spool.append([Buffer.alloc(3000)]), SpoolBusyError);
  disk.onCall = () => undefined;
  await spool.append([Buffer.alloc(3000)]);
  t.equal((await readAll(spool)).length, 2);
});

const failures: [string, ...Parameters<typeof spoilt>][] = [
  ['an error of fdatasync', ({ operation }) => operation === 'datasync'],
  ['any error of fdatasync at all', ({ operation }) => operation === 'datasync', 'EMFILE'],
  ['an error of a write', ({ operation }) => operation === 'write'],
];
function spoilt(when: (call: { operation: string }) => boolean, code = 'EIO'): MemoryDisk['onCall'] {
  return (call) => {
    if (when(call)) throw systemError(code);
  };
}
for (const [title, when, code = 'EIO'] of failures) {
  t.test(`${title} stops acceptance for good; what was synced before can be read and released`, async (t) => {
    const disk = new MemoryDisk();
    const { spool, faults } = await openOn(disk);
    await spool.append(bytesOf('before'));
    disk.onCall = spoilt(when, code);
    const group = [spool.append(bytesOf('a')), spool.append(bytesOf('b'))];
    for (const one of group) await t.rejects(one, SpoolFailedError);
    disk.onCall = () => undefined;
    await t.rejects(spool.append(bytesOf('c')), SpoolFailedError);
    await t.rejects(spool.renew(), SpoolFailedError);
    t.match(spool.stats(), { state: 'failed', accepted: 1, lastError: new RegExp(code) });
    t.match(faults, [{ kind: 'failed' }]);
    t.same(texts(await readAll(spool)), ['before']);
    spool.release(1, spool.syncedThrough);
    t.equal(spool.stats().spooled, 0);
    disk.calls.length = 0;
    await spool.close();
    t.same(
      disk.calls.filter(({ operation }) => operation !== 'close'),
      [],
      'nothing more is written to it',
    );
  });
}

t.test('a disk that is full and cannot cut the file back is given up', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  disk.onCall = ({ operation }) => {
    if (operation === 'write') throw systemError('ENOSPC');
    if (operation === 'truncate') throw systemError('EIO');
  };
  await t.rejects(spool.append(bytesOf('a')), SpoolFailedError);
  t.equal(spool.stats().state, 'failed');
});

t.test('at its limit it refuses, and takes again by itself once segments are released', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk, { maxBytes: 65_536 });
  const record = Buffer.alloc(1000);
  let accepted = 0;
  await t.rejects(
    async () => {
      for (; accepted < 100; accepted++) await spool.append([record]);
    },
    {
      code: 'SPOOL_FULL',
      detail: /^The spool holds 6\d\.\d KiB of 64\.0 KiB \(SPOOL_MAX_BYTES\).* 1\.0 KiB\.$/,
    },
  );
  t.ok(accepted > 50, `${accepted} records of 1000 bytes in 64 KiB`);
  t.ok(spool.stats().bytes <= 65_536);
  t.match(spool.stats(), { state: 'full', spooled: accepted, limitBytes: 65_536 });
  spool.release(1, 20);
  await spool.append([record]);
  t.equal(spool.stats().state, 'open');
  spool.release(1, spool.syncedThrough);
  for (let count = 0; count < 50; count++) await spool.append([record]);
  t.equal(spool.stats().accepted, accepted + 51);
});

const MIB = 2 ** 20;
const reserve = { maxBytes: 2 ** 30, diskReserveBytes: 256 * MIB };

t.test('what is kept free on the disk is left, and appends go on as soon as there is more', async (t) => {
  const disk = new MemoryDisk();
  disk.free = 257 * MIB;
  const { spool, faults } = await openOn(disk, reserve);
  await spool.append([Buffer.alloc(MIB - 1000)]);
  disk.free = 256 * MIB + 500;
  const refused = await spool.append([Buffer.alloc(1000)]).catch((error: unknown) => error);
  t.match(refused, {
    code: 'DISK_FULL',
    retryAfterS: 5,
    detail:
      'The disk of the spool has 256.0 MiB free; DISK_RESERVE_BYTES keeps 256.0 MiB free, which leaves no room for 1.0 KiB.',
  });
  t.match(spool.stats(), { state: 'full', accepted: 1, lastError: /256\.0 MiB free/ });
  t.match(faults, [{ kind: 'full' }]);
  await spool.append([Buffer.alloc(100)]);
  t.match(spool.stats(), { state: 'open', accepted: 2 }, 'a small one still fits');
  disk.free = 0;
  await t.rejects(spool.append([Buffer.alloc(1)]), /has 0\.0 KiB free/);
  spool.release(1, spool.syncedThrough);
  t.equal(spool.stats().spooled, 0, 'what is there is drained all the same');
  disk.free = 2 ** 40;
  await spool.append([Buffer.alloc(1000)]);
  t.match(spool.stats(), { state: 'open', accepted: 3 });
});

t.test('appends that wait together take together no more than the disk has to spare', async (t) => {
  const disk = new MemoryDisk();
  disk.free = 256 * MIB + 100_000;
  const { spool } = await openOn(disk, reserve);
  // A group is one write, so the disk is as it was until the next.
  disk.onDone = ({ operation, length }) => {
    if (operation === 'write') disk.free -= length;
  };
  const all = await Promise.allSettled(Array.from({ length: 20 }, () => spool.append([Buffer.alloc(9_000)])));
  t.equal(all.filter(({ status }) => status === 'fulfilled').length, 11);
  t.ok(disk.free >= 256 * MIB, `${disk.free - 256 * MIB} bytes are left`);
});

t.test('with plenty free the disk is asked now and then; without a reserve, never', async (t) => {
  const disk = new MemoryDisk();
  disk.free = 2 ** 40;
  const { spool } = await openOn(disk, reserve);
  const begunAt = performance.now();
  for (let count = 0; count < 1000; count++) await spool.append(bytesOf('x'));
  const most = (performance.now() - begunAt) / 100 + 2;
  t.ok(disk.looks <= most, `${disk.looks} looks, at most ${most}`);
  const carefree = new MemoryDisk();
  carefree.free = 0;
  const { spool: without } = await openOn(carefree);
  await without.append(bytesOf('x'));
  t.equal(carefree.looks, 0);
});

t.test('a disk with less than what is kept free at opening is told at once, and opens', async (t) => {
  const disk = new MemoryDisk();
  disk.free = 255 * MIB;
  const { spool, faults } = await openOn(disk, reserve);
  t.match(faults, [
    { kind: 'full', message: /has 255\.0 MiB free; DISK_RESERVE_BYTES keeps 256\.0 MiB free/ },
  ]);
  t.equal(spool.stats().state, 'full');
  disk.free = 257 * MIB;
  await spool.append(bytesOf('x'));
  t.equal(spool.stats().state, 'open');
});

t.test(
  'a wholly released segment that is still written to is replaced when the limit is reached',
  async (t) => {
    const { spool } = await openOn(new MemoryDisk(), { maxBytes: 65_536, segmentBytes: 1 << 20 });
    for (let round = 0; round < 10; round++) {
      await spool.append([Buffer.alloc(40_000)]);
      spool.release(1, spool.syncedThrough);
    }
    t.match(spool.stats(), { accepted: 10, spooled: 0 });
  },
);

t.test('bytes that wait in memory are bounded', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk, { maxBytes: 2 ** 30 });
  let letSync = (): void => undefined;
  const held = new Promise<void>((resolve) => (letSync = resolve));
  disk.onCall = ({ operation }) => (operation === 'datasync' ? held : undefined);
  const record = Buffer.alloc(15 * 2 ** 20);
  const waiting = Array.from({ length: 4 }, () => spool.append([record]));
  await t.rejects(spool.append([record]), SpoolBusyError);
  letSync();
  t.equal((await Promise.all(waiting)).length, 4);
});

t.test('segments are deleted when all in them is released, in whatever order', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk, { segmentBytes: 4096 });
  for (let count = 0; count < 8; count++) await spool.append([Buffer.alloc(1200, `${count}`)]);
  const names = disk.segmentNames();
  t.equal(names.length, 4, 'two records in each');
  spool.release(5, 5);
  spool.release(3, 3);
  await settled();
  t.same(disk.segmentNames(), names, 'each still has one');
  spool.release(4, 4);
  spool.release(4, 4);
  await settled();
  t.same(disk.segmentNames(), [names[0], names[2], names[3]]);
  t.equal(spool.stats().spooled, 5);
  const { spool: again } = await openOn(disk.killed());
  t.match(
    again.stats(),
    { accepted: 8, spooled: 6 },
    'a release is not remembered, a deletion is counted right',
  );
  t.same(
    (await readAll(again)).map(({ sequence }) => sequence),
    [1, 2, 5, 6, 7, 8],
  );
});

t.test('releasing what is unknown, not yet synced, or released already changes nothing', async (t) => {
  const { spool } = await openOn(new MemoryDisk());
  spool.release(1, 1000);
  await spool.append(bytesOf('a', 'b'));
  spool.release(-5, 0);
  spool.release(3, Number.MAX_SAFE_INTEGER);
  spool.release(2, 1);
  t.equal(spool.stats().spooled, 2);
  spool.release(2, 2);
  spool.release(2, 2);
  t.equal(spool.stats().spooled, 1);
});

t.test('a file that cannot be deleted is reported and tried again', async (t) => {
  const disk = new MemoryDisk();
  const { spool, faults } = await openOn(disk, { segmentBytes: 4096 });
  for (let count = 0; count < 3; count++) await spool.append([Buffer.alloc(2500)]);
  disk.onCall = ({ operation }) => {
    if (operation === 'remove') throw systemError('EACCES');
  };
  spool.release(1, 1);
  await settled();
  t.match(faults, [{ kind: 'remove' }]);
  t.equal(disk.segmentNames().length, 3);
  disk.onCall = () => undefined;
  spool.release(2, 2);
  await settled();
  t.equal(disk.segmentNames().length, 1);
});

t.test(
  'close finishes what was called before it, refuses what comes after, and can be called twice',
  async (t) => {
    const disk = new MemoryDisk();
    const { spool } = await openOn(disk);
    const before = Array.from({ length: 10 }, (_, index) => spool.append(bytesOf(`${index}`)));
    const reader = spool.reader(0);
    const waiting = spool.reader(1000).whenMore(new AbortController().signal);
    const closed = spool.close();
    const refused = t.rejects(spool.append(bytesOf('late')), SpoolClosedError);
    const woken = t.rejects(waiting, SpoolClosedError);
    await spool.close();
    await closed;
    await refused;
    await woken;
    t.equal((await Promise.all(before)).length, 10);
    await t.rejects(reader.next({ maxRecords: 1, maxBytes: 1 }), SpoolClosedError);
    await t.rejects(reader.whenMore(new AbortController().signal), SpoolClosedError);
    t.match(spool.stats(), { state: 'closed', accepted: 10 });
    const { faults } = await openOn(disk);
    t.same(faults, [], 'unlocked and sealed');
  },
);

t.test('the age of the oldest record follows what is released', async (t) => {
  let now = 1_000_000;
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk, { clock: () => now });
  t.equal(spool.stats().oldestAgeS, null);
  for (let count = 0; count < 3; count++) {
    await spool.append(bytesOf('x'));
    now += 10_000;
  }
  t.equal(spool.stats().oldestAgeS, 30);
  spool.release(1, 1);
  t.equal(spool.stats().oldestAgeS, 20);
  const { spool: again } = await openOn(disk.killed(), { clock: () => now });
  t.equal(again.stats().oldestAgeS, 30);
  spool.release(2, 3);
  t.equal(spool.stats().oldestAgeS, null);
});

t.test('options out of range are refused by name', async (t) => {
  await t.rejects(openOn(new MemoryDisk(), { maxBytes: 100 }), /maxBytes must be an integer from 65536/);
  await t.rejects(
    openOn(new MemoryDisk(), { segmentBytes: 1.5 }),
    /segmentBytes must be an integer from 4096/,
  );
  await t.rejects(
    openOn(new MemoryDisk(), { diskReserveBytes: -1 }),
    /diskReserveBytes must be an integer from 0/,
  );
});
