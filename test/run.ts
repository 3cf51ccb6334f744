/** `npm test -- [PATH…]`: runs the test files whose paths begin so, by default all, as `npm run build:test` built them. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import t from 'tap';
import { acquireServer, dropOldDatabases, releaseServer } from './helpers/postgres.js';
import { root } from './helpers/program.js';

/** Files wait for disks, sockets and other processes for a third of their time. */
const JOBS = 3;
const TIMEOUT_MS = 240_000;
/** In this order, so that none of them is left to run alone in the end. */
const LONGEST_FIRST: readonly string[] = [
  'test/bench/growth.test.ts',
  'test/cli/upkeep.test.ts',
  'test/bench/bench.test.ts',
  'test/bench/filled.test.ts',
  'test/cli/import.test.ts',
  'test/whole/soak.test.ts',
  'test/drain/delivery.test.ts',
  'test/clients/call-logger-py.test.ts',
];

const found = readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => `test/${file}`)
  .sort();
const ordered = [...new Set([...LONGEST_FIRST, ...found])];
const wanted = process.argv.slice(2).map((path) => relative(root, resolve(path)));
const files =
  wanted.length === 0 ? ordered : ordered.filter((file) => wanted.some((path) => file.startsWith(path)));
if (files.length === 0) throw new Error(`no test file begins with ${wanted.join(' or ')}`);

// People get what tap's own command makes of it, pipes and files the plain TAP.
if (process.stdout.isTTY) t.pipe(spawn('tap', ['-'], { stdio: ['pipe', 'inherit', 'inherit'] }).stdin);

const outside = process.env['TEST_DATABASE_URL'];
if (outside) await dropOldDatabases(outside);
else {
  await acquireServer();
  t.teardown(() => releaseServer());
}
t.setTimeout(0);
t.jobs = JOBS;
for (const file of files) {
  const built = `${root}dist-test/${file.replace(/ts$/, 'js')}`;
  void t.spawn(
    process.execPath,
    ['--enable-source-maps', built],
    { buffered: true, timeout: TIMEOUT_MS, env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT_MS / 1000) } },
    file,
  );
}
