/** A real PgBouncer in transaction mode between services and PostgreSQL, where there is one (Debian's `pgbouncer`). */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { chooseAccount } from '../../src/store/cluster/account.js';
import { runAs } from '../../src/store/cluster/programs.js';
import type { Teardown } from './postgres.js';

const program = ['/usr/sbin/pgbouncer', '/usr/local/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'].find(
  (path) => existsSync(path),
);

/** For `skip`: why there is none; false when there is. */
export const noPgbouncer = program === undefined && 'pgbouncer is not installed';

export interface PgbouncerOptions {
  /** Databases beside this one are let through, too. Default: true. */
  readonly othersToo?: boolean;
  /** Connections to PostgreSQL. */
  readonly poolSize?: number;
}

/** @returns the URL that leads through it; it ends with the test */
export async function startPgbouncer(
  t: Teardown,
  databaseUrl: string,
  { othersToo = true, poolSize = 20 }: PgbouncerOptions = {},
): Promise<string> {
  if (program === undefined) throw new Error('pgbouncer is not installed');
  const { host, port, user = '', database = '' } = new pg.Client({ connectionString: databaseUrl });
  const directory = await mkdtemp(join(tmpdir(), 'call-logger-pgbouncer-'));
  await chmod(directory, 0o711);
  const listenPort = await freePort();
  const config = join(directory, 'pgbouncer.ini');
  await writeFile(
    config,
    `[databases]
${othersToo ? '*' : database} = host=${host} port=${port} user=${user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 400
server_login_retry = 1
`,
  );
  // It does not run as root either.
  const child = spawn(program, [config], {
    ...runAs(await chooseAccount(directory)),
    cwd: '/',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      if (log.includes('process up')) resolve();
    });
    void ended.then(() => {
      reject(new Error(`pgbouncer ended:\n${log}`));
    });
  });
  return `postgres://${user}@127.0.0.1:${listenPort}/${database}`;
}

/** It takes no port 0. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
