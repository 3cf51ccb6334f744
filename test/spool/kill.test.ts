import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DirectoryInUseError, openSpool } from '../../src/spool/spool.js';
import { readAll } from './helpers.js';
import { fileOf, loader } from '../helpers/program.js';

const APPENDING_PROCESS = fileOf(new URL('appending-process', import.meta.url));
const ROUNDS = 6;

/** Kills a process that appends once it has acknowledged so many records; returns what it acknowledged, by sequence. */
async function appendUntilKilled(
  directory: string,
  prefix: string,
  enough: number,
): Promise<Map<number, string>> {
  const child = spawn(process.execPath, [...loader, APPENDING_PROCESS, directory, prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    output += text;
    if (output.split('\n').length > enough) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const whole = output.slice(0, output.lastIndexOf('\n')).split('\n');
  return new Map(whole.map((line) => [Number(line.split(' ')[0]), line.slice(line.indexOf(' ') + 1)]));
}

t.test(
  `of what a process acknowledged before kill -9, ${ROUNDS} times over, nothing is lost and the next takes over at once`,
  async (t) => {
    const directory = t.testdir();
    const acknowledged = new Map<number, string>();
    for (let round = 0; round < ROUNDS; round++) {
      const told = await appendUntilKilled(directory, `round${round}`, 1 + Math.floor(Math.random() * 8000));
      for (const [sequence, text] of told) {
        if (acknowledged.has(sequence)) t.fail(`sequence ${sequence} was used twice`);
        acknowledged.set(sequence, text);
      }
    }
    const spool = await openSpool({ directory, maxBytes: 2 ** 26 });
    const records = await readAll(spool);
    const found = new Map(records.map(({ sequence, bytes }) => [sequence, bytes.toString().trimEnd()]));
    const lost = [...acknowledged].filter(([sequence, text]) => found.get(sequence) !== text);
    t.same(lost, []);
    t.notOk(records.some(({ corrupt }) => corrupt));
    t.equal(found.size, records.length);
    t.match(spool.stats(), { accepted: records.length, spooled: records.length });
    t.comment(`${acknowledged.size} acknowledged, ${records.length} found`);
    await spool.close();
  },
);

t.test(
  'a directory is opened once at a time, is made with its parents, and its files are private',
  async (t) => {
    const directory = join(t.testdir(), 'made', 'for it');
    const options = { directory, maxBytes: 2 ** 20 };
    const spool = await openSpool(options);
    await t.rejects(openSpool(options), DirectoryInUseError);
    await spool.append([Buffer.from('x')]);
    const [name = ''] = readdirSync(directory).filter((file) => file.endsWith('.seg'));
    t.equal(statSync(join(directory, name)).mode & 0o777, 0o600);
    t.equal(statSync(directory).mode & 0o777, 0o700);
    await spool.close();
    const again = await openSpool(options);
    t.equal((await readAll(again)).length, 1);
    await again.close();
  },
);

t.test(
  'a backlog of 100,000 records takes little memory to hold and to open, and comes out whole',
  async (t) => {
    const directory = t.testdir();
    const options = { directory, maxBytes: 2 ** 27, segmentBytes: 2 ** 22 };
    const writer = await openSpool(options);
    const record = Buffer.alloc(450, 'x');
    for (let count = 0; count < 100; count++) await writer.append(Array.from({ length: 1000 }, () => record));
    await writer.close();
    const before = process.memoryUsage.rss();
    const spool = await openSpool(options);
    t.match(spool.stats(), { accepted: 100_000, spooled: 100_000 });
    t.ok(process.memoryUsage.rss() - before < 2 ** 24, 'opening does not read the backlog');
    const reader = spool.reader(0);
    let read = 0;
    for (;;) {
      const records = await reader.next({ maxRecords: 500, maxBytes: 2 ** 20 });
      const [first, last] = [records[0], records.at(-1)];
      if (!first || !last) break;
      read += records.filter(({ bytes, corrupt }) => !corrupt && bytes.equals(record)).length;
      spool.release(first.sequence, last.sequence);
    }
    t.equal(read, 100_000);
    t.ok(process.memoryUsage.rss() - before < 2 ** 27, 'nor does reading it keep it');
    t.match(spool.stats(), { accepted: 100_000, spooled: 0, oldestAgeS: null });
    await spool.close();
  },
);
