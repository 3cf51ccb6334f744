import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DirectoryInUseError, lockDirectory } from '../../src/lib/directory-lock.js';
import { fileOf, loader } from '../helpers/program.js';

const HOLDER = fileOf(new URL('directory-lock-holder', import.meta.url));

/** A process that holds the directory, once this resolves. */
async function holder(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [...loader, HOLDER, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

t.test('a second holder is refused while the first lives, and let in after it released', async (t) => {
  const directory = t.testdir();
  const first = await lockDirectory(directory);
  t.equal(first.inherited, false);
  const error: unknown = await lockDirectory(directory).catch((reason: unknown) => reason);
  t.ok(error instanceof DirectoryInUseError);
  t.match(error, { directory, message: /another process is using/ });
  await first.release();
  await first.release();
  const second = await lockDirectory(directory);
  t.equal(second.inherited, false);
  await second.release();
  t.same(readdirSync(directory), [], 'nothing is left behind');
});

t.test('a process that was killed holds nothing', async (t) => {
  const directory = t.testdir();
  const child = await holder(directory);
  await t.rejects(lockDirectory(directory), DirectoryInUseError);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  t.equal(readdirSync(directory).length, 1, 'its socket is still there');
  const lock = await lockDirectory(directory);
  t.equal(readdirSync(directory).length, 1, 'and is removed by the next');
  t.equal(lock.inherited, true, 'who hears of it');
  await lock.release();
  const next = await lockDirectory(directory);
  t.equal(next.inherited, false, 'once');
  await next.release();
});

t.test('a process that is stopped still holds', async (t) => {
  const directory = t.testdir();
  const child = await holder(directory);
  child.kill('SIGSTOP');
  await t.rejects(lockDirectory(directory), DirectoryInUseError);
});

t.test('of many that try at once never more than one holds', async (t) => {
  const directory = t.testdir();
  for (let round = 0; round < 20; round++) {
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => lockDirectory(directory)));
    const held = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    t.ok(held.length <= 1, `${held.length} hold`);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') t.ok(outcome.reason instanceof DirectoryInUseError);
      else await outcome.value.release();
    }
  }
});

t.test('two that try at once do not both give up', async (t) => {
  const directory = t.testdir();
  for (let round = 0; round < 20; round++) {
    const outcomes = await Promise.allSettled([lockDirectory(directory), lockDirectory(directory)]);
    const held = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    t.equal(held.length, 1);
    for (const lock of held) await lock.release();
  }
});

t.test('a path longer than a socket address can hold is locked too', async (t) => {
  const directory = join(t.testdir(), 'd'.repeat(120), 'e'.repeat(120));
  mkdirSync(directory, { recursive: true });
  const lock = await lockDirectory(directory);
  await t.rejects(lockDirectory(directory), DirectoryInUseError);
  await lock.release();
  await (await lockDirectory(directory)).release();
});

t.test('a directory that is not there is an error of its own', async (t) => {
  await t.rejects(lockDirectory(join(t.testdir(), 'missing')), { code: 'ENOENT' });
});
