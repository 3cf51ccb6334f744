/**
 * A process of its own that keeps the PostgreSQL shared by the test files: started by the first who needs it, gone
 * with all its files as soon as nobody registered with it is alive any more.
 */
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCluster } from '../../src/store/cluster/cluster.js';
import {
  livingOwners,
  publishAddress,
  removeControlDirectory,
  withdrawAddress,
} from './postgres-registry.js';

const pollMs = 200;

const run = await fs.mkdtemp(path.join(os.tmpdir(), 'clt-'));
// Run by root, PostgreSQL is another user and has to get through.
await fs.chmod(run, 0o711);
const report = (fields: object, message: string) =>
  process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const cluster = createCluster({
  dataDir: path.join(run, 'postgres'),
  port: 0,
  fallbackDirectory: path.join(run, 'elsewhere'),
  // Its log is empty while all is well.
  log: { info: () => undefined, warn: () => undefined, error: report },
  settings: { fsync: 'off', full_page_writes: 'off', max_connections: '200' },
});
try {
  const { connection } = await cluster.start();
  const { user, host, port } = connection;
  const url = `postgres://${user}@localhost/${connection.database}?host=${encodeURIComponent(host)}&port=${port}`;
  await publishAddress({ pid: process.pid, run, url });
  while ((await livingOwners()).length > 0) await sleep(pollMs);
  // From here on, whoever looks for a server starts another one.
  await withdrawAddress();
} finally {
  await cluster.stop();
  await fs.rm(run, { recursive: true, force: true });
  await removeControlDirectory();
}
