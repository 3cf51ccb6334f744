import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { readWire } from '../../src/http/body/wire.js';

const limit = 1024 * 1024;

/** Takes chunks slowly, each over several turns of the event loop, and says how many it has finished. */
function slowTaker(): { take: () => Promise<void>; taken: () => number } {
  let taken = 0;
  const take = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    taken++;
  };
  return { take, taken: () => taken };
}

t.test('a body is not over before its last chunk has been taken', async (t) => {
  for (const chunks of [1, 2, 7]) {
    const { take, taken } = slowTaker();
    await readWire(Readable.from(new Array(chunks).fill(Buffer.from('x'))), {}, limit, take);
    t.equal(taken(), chunks);
  }
});

t.test('a gzip body is not over before its last chunk has been taken', async (t) => {
  const { take, taken } = slowTaker();
  const wire = Readable.from([gzipSync(Buffer.alloc(100_000, 'x'))]);
  await readWire(wire, { 'content-encoding': 'gzip' }, limit, take);
  t.ok(taken() > 1);
});

t.test('a last chunk that is refused late refuses the body', async (t) => {
  const refuse = async (): Promise<void> => {
    await new Promise(setImmediate);
    throw new Error('refused');
  };
  await t.rejects(readWire(Readable.from([Buffer.from('x')]), {}, limit, refuse), { message: 'refused' });
});
