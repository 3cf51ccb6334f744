import t from 'tap';
import { HEADER_BYTES, SEAL_BYTES } from '../../src/spool/header.js';
import { HEAD_BYTES, recordSpace } from '../../src/spool/record.js';
import { bytesOf, openOn, readAll, texts } from './helpers.js';
import { MemoryDisk } from './memory-disk.js';

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
  },
);
