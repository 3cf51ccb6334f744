import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { createMigratedDatabase } from '../helpers/postgres.js';
import { startService, temporaryDirectory } from '../helpers/service.js';
import { flush } from './audit.js';
import { root } from '../helpers/program.js';

const run = promisify(execFile);
const readme = readFileSync(`${root}README.md`, 'utf8');
const documented = 'http://127.0.0.1:3000';

/** The first block of this language that mentions something, as it stands but for the address of the service. */
function block(language: string, url: string, mentioning = ''): string {
  const blocks = readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'));
  const code = [...blocks].map(([, text = '']) => text).find((text) => text.includes(mentioning));
  if (code === undefined) throw new Error(`the README has no ${language} block`);
  return code.replaceAll(documented, url);
}

t.test('what the README shows works as written', async (t) => {
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
    const { stdout } = await run('sh', ['-e', '-c', block('sh', service.url)]);
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

  await t.test('the sender in TypeScript', async (t) => {
    const script = join(directory, 'sender.mts');
    await writeFile(script, `${block('ts', service.url)}\nexport {};\n`);
    await run(process.execPath, ['--import', 'tsx', script]);
    t.strictSame(await calls('Caesars'), [{ users_bet: 1, sport: 'icehockey' }]);
  });

  await t.test('the sender in curl', async (t) => {
    const { stdout } = await run('sh', ['-e', '-c', block('sh', service.url, '--retry')]);
    t.match(stdout, '{"accepted":2,"rejected":0,"ids":["b-1","k-1"],"errors":[]}');
    t.strictSame(await calls('Unibet'), [{ users_bet: 1, sport: 'basketball' }]);
  });

  const python = await run('python3', ['--version']).then(
    () => true,
    () => false,
  );
  await t.test('the sender in Python', { skip: python ? false : 'no python3 here' }, async (t) => {
    const fetching = /^ {4}(curl -O \S+)$/m.exec(readme)?.[1] ?? '';
    const cwd = directory;
    await run('sh', ['-c', fetching.replace(documented, service.url)], { cwd });
    const env = { ...process.env, CALL_LOGGER_URL: service.url, PYTHONPATH: directory };
    await run('python3', ['-c', block('python', service.url)], { cwd, env });
    t.strictSame(await calls('bet365'), [
      { users_bet: 1, sport: 'NBA' },
      { users_bet: 1, sport: 'soccer' },
    ]);
  });

  t.equal(await service.end('SIGTERM'), 0);
});
