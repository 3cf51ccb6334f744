import { crc32 } from 'node:zlib';
import t from 'tap';
import { HEADER_BYTES, SEAL_BYTES } from '../../src/spool/header.js';
import { encodeRecord, HEAD_BYTES, recordSpace } from '../../src/spool/record.js';
import { bytesOf, openOn, readAll, settled, texts } from './helpers.js';
import { MemoryDisk, systemError } from './memory-disk.js';

const TEXTS = ['first', 'the second one', '', 'fourth: exactly 24 bytes', 'last'];

/** A disk with one segment of TEXTS, as left by a process that was killed. */
async function killedDisk(): Promise<{ disk: MemoryDisk; name: string; data: Buffer }> {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  for (const text of TEXTS) await spool.append(bytesOf(text));
  return diskOf(disk);
}

/** The same after a clean end: the segment is sealed. */
async function closedDisk(): Promise<{ disk: MemoryDisk; name: string; data: Buffer }> {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  for (const text of TEXTS) await spool.append(bytesOf(text));
  await spool.close();
  return diskOf(disk);
}

function diskOf(disk: MemoryDisk): { disk: MemoryDisk; name: string; data: Buffer } {
  const name = disk.segmentNames().at(-1) ?? '';
  return { disk: disk.killed(), name, data: disk.contents().get(name) ?? Buffer.alloc(0) };
}

function withFile(disk: MemoryDisk, name: string, data: Buffer): MemoryDisk {
  return new MemoryDisk(new Map(disk.contents()).set(name, data));
}

function flipped(data: Buffer, at: number, bit = at % 8): Buffer {
  const copy = Buffer.from(data);
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << bit), at);
  return copy;
}

function zeroed(data: Buffer, ...ranges: [from: number, to: number][]): Buffer {
  const copy = Buffer.from(data);
  for (const [from, to] of ranges) copy.fill(0, from, to);
  return copy;
}

/** Offset in the file of each of TEXTS, and the end. */
const OFFSETS = TEXTS.reduce(
  (offsets, text) => [...offsets, (offsets.at(-1) ?? 0) + recordSpace(text.length)],
  [HEADER_BYTES],
);

t.test(
  'a tail torn at any byte is cut off: what was whole stays, and no sequence is ever used again',
  async (t) => {
    const { disk, name, data } = await killedDisk();
    t.equal(data.length, OFFSETS.at(-1));
    const wrong: string[] = [];
    for (let cut = HEADER_BYTES; cut <= data.length; cut++) {
      const rest = data.length - cut;
      for (const tail of [Buffer.alloc(0), Buffer.alloc(rest), Buffer.alloc(rest, 0xa5)]) {
        const tornData = Buffer.concat([data.subarray(0, cut), tail]);
        const whole = TEXTS.filter((text, index) => {
          const end = (OFFSETS[index] ?? 0) + HEAD_BYTES + text.length;
          return (
            tornData.length >= (OFFSETS[index + 1] ?? 0) &&
            data.subarray(0, end).equals(tornData.subarray(0, end))
          );
        }).length;
        const torn = withFile(disk, name, tornData);
        const { spool, faults } = await openOn(torn);
        const { first } = await spool.append(bytesOf('next'));
        const found = texts(await readAll((await openOn(torn.killed())).spool));
        const expected = [...TEXTS.slice(0, whole), 'next'];
        const cleanCut = tornData.length === OFFSETS[whole];
        const right =
          first > TEXTS.length &&
          spool.stats().accepted === whole + 1 &&
          torn.contents().get(name)?.length ===
            (whole === 0 ? undefined : (OFFSETS[whole] ?? 0) + SEAL_BYTES) &&
          JSON.stringify(found) === JSON.stringify(expected) &&
          faults.length === (cleanCut ? 0 : 1) &&
          faults.every(({ kind }) => kind === 'torn_tail');
        if (!right)
          wrong.push(`cut at ${cut}, ${tail.length} bytes after it: ${found.join()}, next ${first}`);
      }
    }
    t.same(wrong, []);
  },
);

t.test('a crash while a segment is made leaves nothing to recover', async (t) => {
  const { disk, name, data } = await killedDisk();
  const born = '0000000000000006.seg';
  for (const size of [0, 1, 95, 96, 500, HEADER_BYTES - 1, HEADER_BYTES]) {
    const { spool, faults } = await openOn(withFile(withFile(disk, name, data), born, Buffer.alloc(size)));
    t.same(texts(await readAll(spool)), TEXTS);
    t.same(faults, []);
    t.equal(spool.openedAt, 6 + 2 ** 20);
  }
});

t.test(
  'one bit changed anywhere in sealed segments: the count stays exact, at most one record is damaged, none is invented',
  async (t) => {
    const disk = new MemoryDisk();
    for (const half of [0, 1]) {
      const { spool } = await openOn(disk);
      await spool.append(bytesOf(...TEXTS.map((text) => `${half}${text}`)));
      await spool.close();
    }
    const expected = [...TEXTS.map((text) => `0${text}`), ...TEXTS.map((text) => `1${text}`)];
    const { spool: intact } = await openOn(disk.killed());
    const sequences = (await readAll(intact)).map(({ sequence }) => sequence);
    const problems: string[] = [];
    let damagedOnce = 0;
    for (const [name, data] of disk.contents()) {
      if (!name.endsWith('.seg') && name !== 'spool.json') continue;
      for (let at = 0; at < data.length; at++) {
        const damaged = withFile(disk, name, flipped(data, at));
        const { spool } = await openOn(damaged);
        const records = await readAll(spool);
        const changed = records.filter(
          ({ bytes, corrupt }, index) => corrupt || bytes.toString() !== expected[index],
        );
        const { spool: again } = await openOn(damaged.killed());
        const right =
          spool.stats().accepted === expected.length &&
          spool.id === intact.id &&
          again.openedAt > spool.openedAt &&
          records.map(({ sequence }) => sequence).join() === sequences.join() &&
          changed.length <= 1 &&
          changed.every(({ corrupt }) => corrupt) &&
          JSON.stringify(await readAll(again)) === JSON.stringify(records);
        if (!right) problems.push(`${name} at ${at}`);
        damagedOnce += changed.length;
      }
    }
    t.same(problems, []);
    t.ok(damagedOnce > 0);
  },
);

t.test(
  'damage between whole records of a killed process costs these records, with their bytes, and no other',
  async (t) => {
    const { disk, name, data } = await killedDisk();
    const [, second = 0, , , fifth = 0] = OFFSETS;

    const inBytes = await openOn(withFile(disk, name, flipped(data, second + HEAD_BYTES)));
    const records = await readAll(inBytes.spool);
    t.same(texts(records), ['first', 'CORRUPT', '', TEXTS[3], 'last']);
    t.equal(records[1]?.bytes.length, TEXTS[1]?.length, 'the head holds: just its bytes');
    t.equal(records[1]?.checksum, crc32(records[1]?.bytes ?? ''));
    t.match(inBytes.faults, [{ kind: 'damage', message: /records 2 to 2 cannot be read/ }]);

    const hole = zeroed(data, [second, fifth]);
    const inHeads = await openOn(withFile(disk, name, hole));
    const lost = await readAll(inHeads.spool);
    t.same(texts(lost), ['first', 'CORRUPT', 'CORRUPT', 'CORRUPT', 'last']);
    t.same(
      lost.map(({ bytes }) => bytes.length),
      [5, fifth - second, 0, 0, 4],
      'the first carries all that lies there',
    );
    t.match(inHeads.spool.stats(), { accepted: 5, spooled: 5 });
    inHeads.spool.release(2, 2);
    t.same(texts(await readAll(inHeads.spool)), ['first', 'CORRUPT', 'CORRUPT', 'last']);
  },
);

t.test('bytes that look like a record inside a record do not pass for one', async (t) => {
  const forged = Buffer.alloc(recordSpace(6) * 50);
  for (let index = 0, at = 0; index < 50; index++)
    at = encodeRecord(forged, at, index, 2 + index, 1, Buffer.from('forged'));
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  await spool.append([Buffer.from('before'), forged, Buffer.from('after')]);
  const { disk: killed, name, data } = diskOf(disk);
  for (const at of [0, 4, 8, 16, 24]) {
    const { spool: again } = await openOn(
      withFile(killed, name, flipped(data, HEADER_BYTES + recordSpace(6) + at)),
    );
    const records = await readAll(again);
    t.same(texts(records), ['before', 'CORRUPT', 'after']);
    t.ok(records[1]?.bytes.includes(forged), 'what lies there is handed out for a human');
  }
});

/** Opens and closes once more, with one record 'x' in a segment of its own. */
async function followedByX(disk: MemoryDisk): Promise<MemoryDisk> {
  const { spool } = await openOn(disk);
  await spool.append(bytesOf('x'));
  await spool.close();
  return disk.killed();
}

t.test('the end of an older segment that got lost is noticed as damage', async (t) => {
  const { disk: killed, name } = await killedDisk();
  const disk = await followedByX(killed);
  const data = disk.contents().get(name) ?? Buffer.alloc(0);
  const { spool, faults } = await openOn(withFile(disk, name, data.subarray(0, (OFFSETS[3] ?? 0) + 5)));
  t.same(texts(await readAll(spool)), ['first', TEXTS[1], '', 'CORRUPT', 'CORRUPT', 'x']);
  t.equal(spool.stats().accepted, 6);
  t.match(faults, [{ kind: 'damage' }]);
});

t.test('a segment file that vanishes while the spool is open comes out as damage', async (t) => {
  const { disk: killed, name } = await killedDisk();
  const disk = await followedByX(killed);
  const { spool } = await openOn(disk);
  await disk.remove(name);
  t.same(texts(await readAll(spool)), [...TEXTS.map(() => 'CORRUPT'), 'x']);
  spool.release(1, TEXTS.length);
  await settled();
  t.equal(spool.stats().spooled, 1);
});

t.test(
  'without either header a segment is read by what its seal says; without the seal too, all its records are damage',
  async (t) => {
    const { disk: closed, name, data } = await closedDisk();
    const headless = zeroed(data, [0, 96], [512, 608]);
    const bySeal = await openOn(withFile(closed, name, headless));
    t.same(texts(await readAll(bySeal.spool)), TEXTS);

    const two = await followedByX(closed);
    const blind = withFile(two, name, zeroed(headless, [data.length - SEAL_BYTES, data.length]));
    const { spool, faults } = await openOn(blind);
    t.same(texts(await readAll(spool)), [...TEXTS.map(() => 'CORRUPT'), 'x']);
    t.match(faults[0], { kind: 'set_aside', message: /its 5 records are damaged/ });
    t.equal(spool.stats().accepted, 6);
    spool.release(1, 5);
    await settled();
    t.ok(blind.contents().has(name.replace('.seg', '.bad')), 'kept for a human');
  },
);

t.test(
  'a newest segment of which nothing can be read is set aside, and its sequences are not used again',
  async (t) => {
    const { disk } = await killedDisk();
    const { spool: ok } = await openOn(disk);
    await ok.append(bytesOf('x'));
    const { disk: two, name: newest, data: newestData } = diskOf(disk);
    const blind = withFile(two, newest, zeroed(newestData, [0, HEADER_BYTES]));
    const { spool, faults } = await openOn(blind);
    t.match(faults, [{ kind: 'set_aside', message: /number of its records is unknown/ }]);
    t.same(texts(await readAll(spool)), TEXTS);
    t.equal(spool.openedAt, ok.openedAt + 2 ** 20);
    t.ok(blind.contents().has(newest.replace('.seg', '.bad')));
  },
);

t.test('a lost seal and a lost next header still leave the records that can be read', async (t) => {
  const { disk: closed, name } = await closedDisk();
  const two = await followedByX(closed);
  const { disk: three, name: newest } = diskOf(two);
  const data = three.contents().get(name) ?? Buffer.alloc(0);
  const unsealed = withFile(three, name, flipped(data, data.length - 1));
  const { spool } = await openOn(withFile(unsealed, newest, Buffer.alloc(3000)));
  t.same(texts(await readAll(spool)), TEXTS);
});

t.test(
  'a segment is kept as long as only its header tells how many records its predecessor holds',
  async (t) => {
    const disk = new MemoryDisk();
    const { spool, faults } = await openOn(disk, { segmentBytes: 4096 });
    await spool.append(bytesOf(...TEXTS));
    disk.onCall = ({ operation, length }) => {
      if (operation === 'write' && length === SEAL_BYTES) throw systemError('ENOSPC');
    };
    await spool.append([Buffer.alloc(3000)]);
    disk.onCall = () => undefined;
    await spool.append([Buffer.alloc(3000)]);
    t.match(faults, [{ kind: 'seal' }]);
    const [unsealed = '', middle = '', newest = ''] = disk.segmentNames();
    spool.release(6, 6);
    await settled();
    t.same(disk.segmentNames(), [unsealed, middle, newest]);
    // Its last record rots: without the next header it would pass for a torn tail.
    const rotten = flipped(disk.contents().get(unsealed) ?? Buffer.alloc(0), (OFFSETS[4] ?? 0) + HEAD_BYTES);
    const { spool: again } = await openOn(withFile(disk, unsealed, rotten));
    t.match(again.stats(), { accepted: 7, spooled: 7 });
    t.match(texts(await readAll(again)).slice(0, 5), [...TEXTS.slice(0, 4), 'CORRUPT']);
    spool.release(1, 5);
    await settled();
    t.same(disk.segmentNames(), [newest], 'and goes with it');
  },
);

t.test('what a killed process wrote and did not sync is synced before it is handed out', async (t) => {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  disk.onCall = ({ operation }) => (operation === 'datasync' ? new Promise(() => undefined) : undefined);
  void spool.append(bytesOf('written'));
  await settled();
  const next = disk.killed();
  const { spool: again } = await openOn(next);
  t.same(texts(await readAll(again)), ['written']);
  const { spool: afterPowerCut } = await openOn(next.crashed(() => 0));
  t.match(await readAll(afterPowerCut), [{ sequence: 1, corrupt: false }]);
});

t.test('a lost spool.json is rebuilt from the newest segment', async (t) => {
  const { disk } = await closedDisk();
  const { spool } = await openOn(disk);
  await spool.renew();
  await spool.close();
  for (const text of ['', '{', '[]', '{"format":1,"id":"x"}', 'null']) {
    const { spool: again, faults } = await openOn(withFile(disk.killed(), 'spool.json', Buffer.from(text)));
    t.equal(again.id, spool.id);
    t.equal(again.stats().accepted, spool.stats().accepted);
    t.match(faults, [{ kind: 'identity' }]);
  }
});

t.test('files of a newer format are refused and left alone', async (t) => {
  const { disk } = await closedDisk();
  const newer = withFile(disk, 'spool.json', Buffer.from('{"format":2}'));
  await t.rejects(openOn(newer), { name: 'SpoolFormatError', message: /format 2/ });
  t.same(newer.segmentNames(), disk.segmentNames());
  await t.rejects(openOn(newer), { name: 'SpoolFormatError' }, 'and the lock is given back');
});

t.test('an id can be renewed: the same records, counted anew, and so after a restart', async (t) => {
  const { disk } = await closedDisk();
  const { spool } = await openOn(disk, { segmentBytes: 4096 });
  await spool.append([Buffer.alloc(3000)]);
  await spool.append([Buffer.alloc(3000)]);
  spool.release(1, 5);
  await settled();
  const old = spool.id;
  await spool.renew();
  t.not(spool.id, old);
  t.match(spool.stats(), { accepted: 2, spooled: 2, id: spool.id });
  const { first } = await spool.append(bytesOf('new'));
  t.ok(first > spool.openedAt);
  t.equal(spool.stats().accepted, 3);
  const { spool: again } = await openOn(disk.killed());
  t.match(again.stats(), { id: spool.id, accepted: 3, spooled: 3 });
  t.equal((await readAll(again)).length, 3);
});

t.test('an id that cannot be written down stays as it was', async (t) => {
  const { disk } = await closedDisk();
  const { spool } = await openOn(disk);
  const old = spool.id;
  disk.onCall = ({ operation }) => {
    if (operation === 'write') throw systemError('ENOSPC');
  };
  await t.rejects(spool.renew(), { code: 'ENOSPC' });
  disk.onCall = () => undefined;
  t.equal(spool.id, old);
  await spool.append(bytesOf('x'));
  t.equal((await openOn(disk.killed())).spool.id, old);
});

t.test('empty openings leave nothing behind but the newest segment', async (t) => {
  const disk = new MemoryDisk();
  let openedAt = 0;
  for (let count = 0; count < 5; count++) {
    const { spool } = await openOn(disk);
    t.ok(spool.openedAt > openedAt);
    openedAt = spool.openedAt;
    t.equal(spool.syncedThrough, openedAt - 1);
    await spool.close();
    t.equal(disk.segmentNames().length, 1);
  }
});

t.test(
  'opening reads a header and a seal of an old segment, whatever its size; only the newest it scans, and writes again',
  async (t) => {
    const disk = new MemoryDisk();
    const { spool } = await openOn(disk, { segmentBytes: 2 ** 20 });
    for (let count = 0; count < 24; count++) await spool.append([Buffer.alloc(500_000)]);
    const killed = disk.killed();
    await openOn(killed);
    const read = killed.calls
      .filter(({ operation }) => operation === 'read')
      .reduce((sum, { length }) => sum + length, 0);
    t.equal(disk.segmentNames().length, 12);
    t.ok(read < 3 * 2 ** 20, `${read} of ${24 * 500_000} bytes`);
  },
);
