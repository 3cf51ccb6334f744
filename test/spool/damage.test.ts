import t from 'tap';
import { decodeHeader, decodeSeal, HEADER_BYTES, SEAL_BYTES } from '../../src/spool/header.js';
import { HEAD_BYTES, recordSpace } from '../../src/spool/record.js';
import { READ_ATTEMPTS } from '../../src/spool/segment.js';
import type { Spool, SpoolRecord } from '../../src/spool/spool.js';
import { bytesOf, openOn, readAll, settled, texts } from './helpers.js';
import { MemoryDisk, systemError } from './memory-disk.js';

const TEXTS = ['first', 'the second one', '', 'fourth: exactly 24 bytes', 'last'];
const NAME = '0000000000000001.seg';

/** A disk with one segment of TEXTS, as left by a process that was killed or that ended. */
async function diskOf(end: 'killed' | 'closed'): Promise<Map<string, Buffer>> {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  for (const text of TEXTS) await spool.append(bytesOf(text));
  if (end === 'closed') await spool.close();
  return disk.contents();
}

function withFlippedBit(files: ReadonlyMap<string, Buffer>, name: string, bit: number): MemoryDisk {
  const data = Buffer.from(files.get(name) ?? '');
  data.writeUInt8(data.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return new MemoryDisk(new Map(files).set(name, data));
}

/** What a segment that was not sealed holds with a bit changed in this byte. */
function expectedWithout(at: number): { records: string[]; torn: boolean } {
  let offset = HEADER_BYTES;
  for (const [index, text] of TEXTS.entries()) {
    if (at >= offset && at < offset + HEAD_BYTES + text.length) {
      const torn = index === TEXTS.length - 1;
      const records = TEXTS.map((one, place) => (place === index ? 'CORRUPT' : one));
      return { records: torn ? records.slice(0, -1) : records, torn };
    }
    offset += recordSpace(text.length);
  }
  return { records: TEXTS, torn: false };
}

t.test(
  'one bit changed in any byte that a killed process left costs the record it is in, and the last record is taken for a torn tail',
  async (t) => {
    const files = await diskOf('killed');
    const bytes = files.get(NAME)?.length ?? 0;
    const wrong: string[] = [];
    for (let at = 0; at < bytes; at++) {
      const disk = withFlippedBit(files, NAME, at * 8 + (at % 8));
      const { spool, faults } = await openOn(disk);
      const { records, torn } = expectedWithout(at);
      const found = texts(await readAll(spool));
      const told = faults.map(({ kind }) => kind).join();
      const right =
        found.join() === records.join() &&
        spool.stats().accepted === records.length &&
        spool.openedAt > TEXTS.length &&
        told === (torn ? 'torn_tail' : records.includes('CORRUPT') ? 'damage' : '');
      if (!right) wrong.push(`byte ${at}: ${found.join()} (${told})`);
    }
    t.same(wrong, []);
  },
);

t.test('any bit changed in spool.json, in a header or in a seal costs nothing', async (t) => {
  const files = await diskOf('closed');
  const { spool: intact } = await openOn(new MemoryDisk(files));
  const size = files.get(NAME)?.length ?? 0;
  const ranges: [name: string, from: number, to: number][] = [
    ['spool.json', 0, files.get('spool.json')?.length ?? 0],
    [NAME, 0, 96],
    [NAME, 512, 608],
    [NAME, size - SEAL_BYTES, size],
  ];
  const wrong: string[] = [];
  for (const [name, from, to] of ranges) {
    for (let bit = from * 8; bit < to * 8; bit++) {
      const disk = withFlippedBit(files, name, bit);
      const problem = await openOn(disk).then(
        async ({ spool }) => {
          const found = texts(await readAll(spool)).join();
          const { id, accepted } = spool.stats();
          return found === TEXTS.join() && accepted === TEXTS.length && id === intact.id ? null : found;
        },
        (error: unknown) => String(error),
      );
      if (problem !== null) wrong.push(`${name}, bit ${bit & 7} of byte ${bit >> 3}: ${problem}`);
    }
  }
  t.same(wrong, []);
});

t.test(
  'every segment has a salt of its own, so that a sender cannot make what passes for a record',
  async (t) => {
    const disk = new MemoryDisk();
    for (let count = 0; count < 4; count++) {
      const { spool } = await openOn(disk);
      await spool.append(bytesOf('x'));
      await spool.close();
    }
    const segments = [...disk.contents()].filter(([name]) => name.endsWith('.seg'));
    const salts = segments.map(([, data]) => decodeHeader(data)?.salt);
    t.equal(new Set(salts).size, 4);
    t.notOk(salts.includes(undefined));
  },
);

/** Whether the first segment would have a seal if the power failed now. */
function hasDurableSeal(disk: MemoryDisk): boolean {
  const data =
    disk
      .crashed(() => 0)
      .contents()
      .get(NAME) ?? Buffer.alloc(0);
  const sealAt = data.length - SEAL_BYTES;
  return decodeSeal(data.subarray(Math.max(0, sealAt)), sealAt) !== null;
}

t.test(
  'a seal is synced by whoever writes it: what else tells the number of records may be deleted then',
  async (t) => {
    const disk = new MemoryDisk();
    const { spool } = await openOn(disk, { segmentBytes: 4096 });
    await spool.append(bytesOf(...TEXTS));
    const next = disk.killed();
    await openOn(next);
    t.ok(hasDurableSeal(next), 'after a recovery');
    await spool.append([Buffer.alloc(4000)]);
    t.ok(hasDurableSeal(disk), 'after a new segment was begun');
  },
);

t.test(
  'not survived: a disk that says it synced and did not loses the end, which looks like a torn tail; its sequences stay unused',
  async (t) => {
    const disk = new MemoryDisk();
    const { spool } = await openOn(disk);
    await spool.append(bytesOf('synced'));
    disk.isLying = true;
    const { first } = await spool.append(bytesOf('lost'));
    const { spool: again, faults } = await openOn(disk.crashed(() => 0));
    t.same(texts(await readAll(again)), ['synced']);
    t.equal(again.stats().accepted, 1);
    t.same(faults, [], 'nobody can tell');
    t.ok(again.openedAt > first);
  },
);

t.test(
  'not survived: a segment deleted by hand is gone; it still counts as accepted, so the sums do not add up any more',
  async (t) => {
    const disk = new MemoryDisk();
    const { spool } = await openOn(disk, { segmentBytes: 4096 });
    for (const text of ['one', 'two', 'three']) await spool.append(bytesOf(text.padEnd(3000)));
    await spool.close();
    const [, second = ''] = disk.segmentNames();
    await disk.remove(second);
    const { spool: again } = await openOn(disk);
    t.same(
      texts(await readAll(again)).map((text) => text.trim()),
      ['one', 'three'],
    );
    t.match(again.stats(), { accepted: 3, spooled: 2 });
    const highest = again.syncedThrough;
    const { first } = await again.append(bytesOf('of the newest'));
    await again.close();
    await disk.remove(disk.segmentNames().at(-1) ?? '');
    const { spool: blind } = await openOn(disk);
    t.equal(blind.openedAt, first, 'without the newest nobody knows which sequences were given');
    t.ok(first > highest);
  },
);

const BLOCK = 4096;
const BLOCKS = '0123456789';

/** A record for each of BLOCKS that takes a block, across the borders of blocks. */
async function diskOfBlocks(end: 'killed' | 'closed'): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const { spool } = await openOn(disk);
  for (const digit of BLOCKS) await spool.append(bytesOf(digit.repeat(BLOCK - HEAD_BYTES)));
  if (end === 'closed') await spool.close();
  return disk.killed();
}

/** Reads of this block of the first segment fail. */
function badBlock(disk: MemoryDisk, block: number): void {
  disk.onCall = ({ operation, name, position, length }) => {
    const touches = position < (block + 1) * BLOCK && position + length > block * BLOCK;
    if (operation === 'read' && name === NAME && touches) throw systemError('EIO');
  };
}

/** The digit of each record. */
function digits(records: readonly SpoolRecord[]): string {
  return records.map(({ bytes, corrupt }) => (corrupt ? 'x' : bytes.toString('latin1', 0, 1))).join('');
}

/** As the drain comes again: with a new reader. Returns how often it was refused before it got something. */
async function refusals(spool: Spool, atMost: number): Promise<number> {
  for (let refused = 0; refused < atMost; refused++) {
    const got = await spool
      .reader(0)
      .next({ maxRecords: 1, maxBytes: 1 })
      .catch(() => null);
    if (got) return refused;
  }
  return atMost;
}

t.test(
  'a block that the disk does not yield is waited for, then costs the records in it and no other; the file is kept',
  async (t) => {
    const disk = await diskOfBlocks('closed');
    const { spool, faults } = await openOn(disk);
    badBlock(disk, 2);
    t.equal(await refusals(spool, 100), READ_ATTEMPTS - 1);
    const records = await readAll(spool);
    t.equal(digits(records), '0xx3456789');
    t.equal(records[1]?.bytes.length, BLOCK - HEAD_BYTES, 'what is left of it, and zeros');
    t.match(faults.slice(0, 3), [
      { kind: 'damage', message: /0001.seg cannot be read at 1024 and after: EIO/ },
      { kind: 'damage', message: /records 2 to 2 cannot be read/ },
      { kind: 'damage', message: /records 3 to 3 cannot be read/ },
    ]);
    t.match(spool.stats(), { accepted: 10, spooled: 10 });
    const next = disk.killed();
    const { spool: again } = await openOn(next);
    badBlock(next, 2);
    await refusals(again, READ_ATTEMPTS);
    t.same(await readAll(again), records, 'the same again after a restart');
    again.release(1, 10);
    await settled();
    t.notOk(next.contents().has(NAME));
    t.ok(next.contents().has(NAME.replace('.seg', '.bad')));
  },
);

t.test('a disk that is away as a whole is waited for as long as it takes', async (t) => {
  const disk = await diskOfBlocks('closed');
  const { spool } = await openOn(disk);
  disk.onCall = ({ operation }) => {
    if (operation === 'read' || operation === 'datasync') throw systemError('EIO');
  };
  t.equal(await refusals(spool, READ_ATTEMPTS * 3), READ_ATTEMPTS * 3);
  disk.onCall = () => undefined;
  t.equal(digits(await readAll(spool)), BLOCKS);
});

t.test(
  'a bad block in a segment that a killed process left does not keep the spool from opening',
  async (t) => {
    for (const [block, expected] of [
      [2, '0xx3456789'],
      [10, '012345678'],
    ] as const) {
      const disk = await diskOfBlocks('killed');
      const size = disk.contents().get(NAME)?.length;
      badBlock(disk, block);
      const { spool, faults } = await openOn(disk);
      t.match(faults, [{ kind: 'damage', message: /if more followed, their number is unknown/ }]);
      t.equal(spool.stats().accepted, expected.length);
      t.equal(disk.contents().get(NAME)?.length, size, 'nothing is cut off');
      t.ok(spool.openedAt > BLOCKS.length);
      await refusals(spool, READ_ATTEMPTS);
      t.equal(digits(await readAll(spool)), expected);
      await spool.append(bytesOf('x'));
      const { spool: again } = await openOn(disk.killed());
      t.match(again.stats(), { accepted: expected.length + 1, spooled: expected.length + 1 });
    }
  },
);
