import { openSpool } from '../../src/spool/spool.js';

/** Appends until it is killed, and tells each sequence after it was acknowledged, with what it holds. */
const [, , directory = '', prefix = ''] = process.argv;
const spool = await openSpool({ directory, maxBytes: 2 ** 26, segmentBytes: 256 * 1024 });
let count = 0;
async function sender(): Promise<never> {
  for (;;) {
    const records = Array.from({ length: 1 + (count % 5) }, () => `${prefix}-${++count}`);
    const { first } = await spool.append(records.map((text) => Buffer.from(text.padEnd(50 + (count % 400)))));
    process.stdout.write(records.map((text, index) => `${first + index} ${text}\n`).join(''));
  }
}
await Promise.all(Array.from({ length: 16 }, sender));
