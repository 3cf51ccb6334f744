import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { createMigratedDatabase } from '../helpers/postgres.js';
import { blockOf, DOCUMENTED_URL, readmeOf } from '../helpers/readmes.js';
import { startService, temporaryDirectory } from '../helpers/service.js';
import { flush } from './audit.js';

const run = promisify(execFile);
/** A block of a README, as it stands but for the address of the service. */
function block(room: string, language: string, url: string, mentioning: string): string {
  return blockOf(room, language, mentioning).replaceAll(DOCUMENTED_URL, url);
}

t.test('what the READMEs show works as written', async (t) => {
  const database = await createMigratedDatabase(t);
  const directory = await temporaryDirectory(t);
  const service = await startService({ DATABASE_URL: database.url, DATA_DIR: join(directory, 'data') });
  const pool = database.pool();
  const calls = async (book: string): Promise<unknown> => {
    t.ok(await flush(service.url, 30));
    const { rows } = await pool.query(
      'select users_bet, sport from arbitrage_calls where book_a = $1 order by sport',
      [book],
    );
    return rows;
  };

  await t.test('the first event', async (t) => {
    const { stdout } = await run('sh', ['-e', '-c', block('.', 'sh', service.url, 'calls/first')]);
    t.match(stdout, '{"call_id":"first","status":"stored"}');
    for (const shown of [
      '"odds_a_decimal":2.1',
      '"conversion_percent":10',
      '"clv_a":5',
      '"profit_actual":28.05',
    ]) {
      t.match(stdout, shown);
    }
  });

  const runTypeScript = async (code: string): Promise<void> => {
    const script = join(directory, 'sender.mts');
    await writeFile(script, `${code}\nexport {};\n`);
    await run(process.execPath, ['--import', 'tsx', script]);
  };
  await t.test('the senders in TypeScript', async (t) => {
    await runTypeScript(block('.', 'ts', service.url, 'Betano'));
    t.strictSame(await calls('Betano'), [{ users_bet: 1, sport: null }]);
    await runTypeScript(block('src/clients', 'ts', service.url, 'async function send'));
    t.strictSame(await calls('Caesars'), [{ users_bet: 1, sport: 'icehockey' }]);
  });

  await t.test('the sender in curl', async (t) => {
    const { stdout } = await run('sh', ['-e', '-c', block('src/clients', 'sh', service.url, '--retry')]);
    t.match(stdout, '{"accepted":2,"rejected":0,"ids":["b-1","k-1"],"errors":[]}');
    t.strictSame(await calls('Unibet'), [{ users_bet: 1, sport: 'basketball' }]);
  });

  const python = await run('python3', ['--version']).then(
    () => true,
    () => false,
  );
  await t.test('the senders in Python', { skip: python ? false : 'no python3 here' }, async (t) => {
    const fetching = /^ {4}(curl -O \S+)$/m.exec(readmeOf('src/clients'))?.[1];
    if (fetching === undefined) throw new Error('the README does not say where the sender comes from');
    const cwd = directory;
    await run('sh', ['-c', fetching.replace(DOCUMENTED_URL, service.url)], { cwd });
    const env = { ...process.env, CALL_LOGGER_URL: service.url, PYTHONPATH: directory };
    await run('python3', ['-c', block('.', 'python', service.url, 'Betfair')], { cwd, env });
    t.strictSame(await calls('Betfair'), [{ users_bet: 1, sport: 'tennis' }]);
    await run('python3', ['-c', block('src/clients', 'python', service.url, 'increment_click')], {
      cwd,
      env,
    });
    t.strictSame(await calls('bet365'), [
      { users_bet: 1, sport: 'NBA' },
      { users_bet: 1, sport: 'soccer' },
    ]);
  });

  await t.test('what the READMEs ask with curl and SQL', async (t) => {
    const asked = [
      ['.', '/v1/stats'],
      ['src/events', 'cloudevents'],
      ['src/store/read', '/v1/exports'],
      ['src/upkeep', '/v1/admin/cleanup'],
      ['src/upkeep', '/v1/admin/backups'],
      ['src/upkeep', '/v1/admin/dead-letters'],
    ] as const;
    for (const [room, mentioning] of asked) {
      const commands = block(room, 'sh', service.url, mentioning).replaceAll(/^curl /gm, 'curl --fail ');
      await t.resolves(run('sh', ['-e', '-c', commands], { cwd: directory }), `${mentioning} in ${room}`);
    }
    const parquet = await readFile(join(directory, 'calls.parquet'));
    t.equal(parquet.toString('latin1', 0, 4), 'PAR1');
    const { rows } = await pool.query(blockOf('.', 'sql', 'arbitrage_calls'));
    t.ok(rows.length >= 3);
  });

  t.equal(await service.end('SIGTERM'), 0);
});
