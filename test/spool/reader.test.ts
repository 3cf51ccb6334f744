import t from 'tap';
import { bytesOf, openOn, readAll, settled, texts } from './helpers.js';
import { MemoryDisk, systemError } from './memory-disk.js';

const MANY = { maxRecords: 1000, maxBytes: 2 ** 20 };

t.test('records come in order, at most as many and as large as asked for, but always one', async (t) => {
  const { spool } = await openOn(new MemoryDisk());
  await spool.append(bytesOf('aaaa', 'bbbb', 'cccc', 'dddd'));
  const reader = spool.reader(0);
  t.same(texts(await reader.next({ maxRecords: 1, maxBytes: 100 })), ['aaaa']);
  t.same(texts(await reader.next({ maxRecords: 9, maxBytes: 9 })), ['bbbb', 'cccc']);
  t.same(texts(await reader.next({ maxRecords: 9, maxBytes: 1 })), ['dddd']);
  t.same(await reader.next(MANY), []);
  t.same(texts(await readAll(spool, 2)), ['cccc', 'dddd']);
});

t.test('calls that overlap hand out each record once', async (t) => {
  const { spool } = await openOn(new MemoryDisk());
  await spool.append(bytesOf('a', 'b', 'c'));
  const reader = spool.reader(0);
  const one = { maxRecords: 1, maxBytes: 100 };
  const all = await Promise.all([reader.next(one), reader.next(one), reader.next(one), reader.next(one)]);
  t.same(all.map(texts), [['a'], ['b'], ['c'], []]);
});

t.test('released records are never handed out, also when they were read before', async (t) => {
  const { spool } = await openOn(new MemoryDisk());
  const { first } = await spool.append(bytesOf('a', 'b', 'c', 'd', 'e'));
  const reader = spool.reader(0);
  t.same(texts(await reader.next({ maxRecords: 1, maxBytes: 100 })), ['a']);
  spool.release(first + 1, first + 2);
  t.same(texts(await reader.next(MANY)), ['d', 'e']);
  t.same(texts(await readAll(spool)), ['a', 'd', 'e']);
});

t.test('a reader that keeps up never reads the disk', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk, { segmentBytes: 4096 });
  const reader = spool.reader(0);
  disk.calls.length = 0;
  for (let count = 0; count < 20; count++) {
    await spool.append([Buffer.alloc(700, `${count % 10}`)]);
    t.match(await reader.next(MANY), [{ bytes: Buffer.alloc(700, `${count % 10}`), corrupt: false }]);
  }
  t.same(
    disk.calls.filter(({ operation }) => operation === 'read'),
    [],
  );
});

t.test('a reader that has fallen behind the cache reads the files, and catches up', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk, { maxBytes: 2 ** 26, segmentBytes: 2 ** 21 });
  const reader = spool.reader(0);
  const record = (index: number) => Buffer.alloc(100_000 + index, index);
  for (let index = 0; index < 10; index++) await spool.append([record(index)]);
  const seen = [...(await reader.next({ maxRecords: 5, maxBytes: 2 ** 24 }))];
  for (let index = 10; index < 150; index++) await spool.append([record(index)]);
  disk.calls.length = 0;
  for (;;) {
    const records = await reader.next({ maxRecords: 7, maxBytes: 2 ** 24 });
    if (records.length === 0) break;
    seen.push(...records);
  }
  t.ok(disk.calls.some(({ operation }) => operation === 'read'));
  t.ok(disk.calls.every(({ length }) => length <= 256 * 1024));
  t.equal(seen.length, 150);
  t.ok(seen.every(({ bytes, corrupt }, index) => !corrupt && bytes.equals(record(index))));
});

t.test('whenMore resolves for a record beyond those handed out, and not before it is synced', async (t) => {
  const { spool } = await openOn(new MemoryDisk());
  const reader = spool.reader(0);
  const never = new AbortController();
  let woken = 0;
  t.same(await reader.next(MANY), []);
  const waiting = reader.whenMore(never.signal).then(() => woken++);
  await settled();
  t.equal(woken, 0);
  const { first } = await spool.append(bytesOf('a'));
  await waiting;
  await reader.whenMore(never.signal);
  t.same(texts(await reader.next(MANY)), ['a']);
  const next = reader.whenMore(never.signal).then(() => woken++);
  await settled();
  t.equal(woken, 1, 'all is handed out');
  await spool.append(bytesOf('b'));
  await next;
  spool.release(first, first + 1);
  t.same(await reader.next(MANY), []);
  const aborted = new AbortController();
  const third = reader.whenMore(aborted.signal);
  aborted.abort(new Error('enough'));
  await t.rejects(third, /enough/, 'what is released is no reason to wake up');
  await t.rejects(reader.whenMore(aborted.signal), /enough/);
});

t.test('a segment that is released and deleted meanwhile is passed over', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk, { segmentBytes: 4096 });
  for (let index = 0; index < 9; index++) await spool.append([Buffer.alloc(1200, `${index}`)]);
  const { spool: again } = await openOn(disk.killed(), { segmentBytes: 4096 });
  const reader = again.reader(0);
  t.equal((await reader.next({ maxRecords: 1, maxBytes: 1 })).length, 1);
  again.release(1, 6);
  await settled();
  t.same(
    (await reader.next(MANY)).map(({ sequence }) => sequence),
    [7, 8, 9],
  );
});

t.test('a file that cannot be read rejects the call; the next one goes on where it was', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  await spool.append(bytesOf('a', 'b'));
  const killed = disk.killed();
  const { spool: again } = await openOn(killed);
  const reader = again.reader(0);
  killed.onCall = ({ operation }) => {
    if (operation === 'read') throw systemError('EIO');
  };
  await t.rejects(reader.next(MANY), { code: 'EIO' });
  killed.onCall = () => undefined;
  t.same(texts(await reader.next(MANY)), ['a', 'b']);
});

t.test(
  'of damage longer than a mebibyte the first mebibyte is handed out, its checksum is over all of it',
  async (t) => {
    const disk = new MemoryDisk();
    const { spool } = await openOn(disk);
    await spool.append([Buffer.alloc(3 * 2 ** 20, 'x')]);
    await spool.append(bytesOf('after'));
    const [name = ''] = disk.segmentNames();
    const checksums = [1024 + 40, 1024 + 2 ** 21].map(async (at) => {
      const data = Buffer.from(disk.contents().get(name) ?? '');
      data.writeUInt8(0, at);
      const { spool: again } = await openOn(new MemoryDisk(new Map(disk.contents()).set(name, data)));
      const [damaged, after] = await readAll(again);
      t.match(damaged, { corrupt: true, sequence: 1 });
      t.equal(damaged?.bytes.length, 2 ** 20);
      t.equal(after?.bytes.toString(), 'after');
      return damaged?.checksum;
    });
    const [one, other] = await Promise.all(checksums);
    t.not(one, other);
  },
);
