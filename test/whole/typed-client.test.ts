import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { createMigratedDatabase } from '../helpers/postgres.js';
import { root } from '../helpers/program.js';
import { blockOf, DOCUMENTED_URL, readmeOf } from '../helpers/readmes.js';
import { startService, temporaryDirectory } from '../helpers/service.js';

t.setTimeout(120_000);

const run = promisify(execFile);

/** What a compiler has to find: each line is wrong in one way. */
const mistakes = `
import createClient from 'openapi-fetch';
import type { components, paths } from './call-logger.js';

const client = createClient<paths>();
const call = { call_type: 'good_ev', book_a: 'bet365', odds_a: 110, roi_percent: 2 } as const;
type Call = components['schemas']['Call'];
// @ts-expect-error a call type that is none
export const type: Call = { ...call, call_type: 'value' };
// @ts-expect-error a number as text
export const number: Call = { ...call, odds_a: '110' };
// @ts-expect-error a field that is not there
export const missing: Call = { call_type: 'good_ev', book_a: 'bet365', odds_a: 110 };
// @ts-expect-error an event without its type
export const event: components['schemas']['Event'] = call;
// @ts-expect-error a path that is none
void client.GET('/v1/call');
// @ts-expect-error a parameter that is none
void client.GET('/v1/calls', { params: { query: { sprot: 'tennis' } } });
// @ts-expect-error a parameter that is required
void client.GET('/v1/stats', {});
const { data, error } = await client.GET('/v1/calls/{call_id}', { params: { path: { call_id: 'c' } } });
// @ts-expect-error what may be null
export const odds: number = data!.odds_b;
// @ts-expect-error a field that an error does not have
export const message: string = error!.message;
`;

/** What the sender prints is in its comments. */
function printed(code: string): string[] {
  return [...code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment = '']) => comment);
}

t.test('the typed client of the README compiles, works as written, and lets no mistake pass', async (t) => {
  const sender = blockOf('src/clients', 'ts', 'import createClient');
  const database = await createMigratedDatabase(t);
  const directory = await temporaryDirectory(t);
  const service = await startService({ DATABASE_URL: database.url, DATA_DIR: join(directory, 'data') });
  t.teardown(() => service.end('SIGTERM'));

  const [generate = '', ...more] = [
    ...readmeOf('src/clients').matchAll(/^npx openapi-typescript (.*)$/gm),
  ].map(([, words = '']) => words);
  t.strictSame(more, []);
  const bin = (name: string): string => join(root, 'node_modules', name);
  await run(
    process.execPath,
    [bin('openapi-typescript/bin/cli.js'), ...generate.replace(DOCUMENTED_URL, service.url).split(' ')],
    { cwd: directory },
  );

  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  const options = { target: 'es2023', module: 'nodenext', strict: true, noEmit: true, types: ['node'] };
  const files = {
    'package.json': '{"type":"module"}',
    'tsconfig.json': JSON.stringify({
      compilerOptions: { ...options, lib: ['es2023', 'dom'] },
      include: ['*.ts'],
    }),
    'sender.ts': sender.replace(DOCUMENTED_URL, service.url),
    'mistakes.ts': mistakes,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  const { stdout: complaints } = await run(process.execPath, [
    bin('typescript/bin/tsc'),
    '-p',
    directory,
  ]).catch((error: unknown) => error as { stdout: string });
  t.equal(complaints, '');

  const { stdout } = await run(process.execPath, ['--import', 'tsx', 'sender.ts'], { cwd: directory });
  const expected = printed(sender);
  t.equal(expected.length, 5);
  const id = /call_id: '([^']+)'/.exec(stdout)?.[1] ?? '';
  t.strictSame(stdout.replace(id, '…').trim().split('\n'), expected);
});
