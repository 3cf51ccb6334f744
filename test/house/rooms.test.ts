import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import t from 'tap';
import { toProblem } from '../../src/http/errors.js';
import { root } from '../helpers/program.js';

const src = `${root}src`;

/** Who may import whom: `lib` from everywhere, the others as listed. A room may always import from itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  clients: [],
  config: [],
  observe: ['config'],
  events: [],
  spool: [],
  store: ['config', 'observe', 'events', 'spool'],
  drain: ['config', 'observe', 'events', 'spool', 'store'],
  upkeep: ['config', 'observe', 'events', 'spool', 'store'],
  http: ['config', 'observe', 'events'],
  'app.ts': ['config', 'observe', 'events', 'http'],
  'service.ts': [
    'clients',
    'config',
    'observe',
    'events',
    'spool',
    'store',
    'drain',
    'upkeep',
    'http',
    'app.ts',
  ],
  'server.ts': ['config', 'observe', 'service.ts'],
  cli: ['config', 'observe', 'events', 'store', 'drain', 'upkeep', 'http', 'app.ts', 'service.ts'],
};

/** Of these rooms only types may be imported, by these rooms. */
const typesOnly: Readonly<Record<string, readonly string[]>> = {
  http: ['spool', 'store', 'drain', 'upkeep'],
};

/** Packages that stay out of a room. */
const notImported: Readonly<Record<string, RegExp>> = {
  http: /^(pg|pg-.*|drizzle-.*|p-queue|node:fs.*|fs.*)$/,
  events: /^(pg|pg-.*|drizzle-.*|p-queue|node:fs.*|fastify|@fastify\/.*)$/,
  spool: /^(pg|pg-.*|drizzle-.*|p-queue|fastify|@fastify\/.*)$/,
};

interface Import {
  readonly from: string;
  readonly isTypeOnly: boolean;
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const textOf = (file: string): string => readFileSync(join(src, file), 'utf8');
const roomOf = (file: string): string => file.split('/')[0] ?? file;

function importsOf(text: string): Import[] {
  const statements = text.matchAll(
    /^(import|export)\s+(type\s)?[^;]*?from\s+'([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return [...statements].map((match) => ({
    from: match[3] ?? match[4] ?? '',
    isTypeOnly: match[2] !== undefined,
  }));
}

t.test('data flows one way: each room imports only from those before it', async (t) => {
  let seen = 0;
  for (const file of files) {
    const room = roomOf(file);
    for (const { from, isTypeOnly } of importsOf(textOf(file))) {
      if (!from.startsWith('.')) continue;
      seen++;
      const other = roomOf(relative(src, resolve(src, dirname(file), from)).replace(/\.js$/, '.ts'));
      const allowed =
        other === room ||
        other === 'lib' ||
        mayImport[room]?.includes(other) === true ||
        (isTypeOnly && typesOnly[room]?.includes(other) === true);
      if (!allowed) t.fail(`${file} imports ${from}`);
    }
  }
  t.ok(seen > 100, 'the imports were found');
});

t.test('the door and the vocabulary touch neither database nor disk, the spool knows no SQL', async (t) => {
  for (const file of files) {
    const forbidden = notImported[roomOf(file)];
    for (const { from } of importsOf(textOf(file))) {
      if (forbidden?.test(from) === true) t.fail(`${file} imports ${from}`);
    }
  }
  t.pass('checked');
});

/** The files whose text matches, with comments taken out. */
function filesWith(pattern: RegExp): string[] {
  const withoutComments = (text: string): string =>
    text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
  return files.filter((file) => pattern.test(withoutComments(textOf(file)))).sort();
}

t.test('whatever the rooms refuse with a code, the door has an answer for', async (t) => {
  // The statistics route turns it into a mistake of the parameter it came from.
  const handledByTheirRoute = ['UNKNOWN_TIME_ZONE'];
  let seen = 0;
  for (const file of files.filter((file) => ['store', 'upkeep', 'spool'].includes(roomOf(file)))) {
    for (const [, code = ''] of textOf(file).matchAll(/^ {2}readonly code = '(\w+)';$/gm)) {
      seen++;
      if (handledByTheirRoute.includes(code)) continue;
      t.not(toProblem(Object.assign(new Error(), { code })).code, 'internal', `${code} of ${file}`);
    }
  }
  t.ok(seen >= 10, 'the codes were found');
});

t.test('the environment is read in config only', async (t) => {
  t.strictSame(
    filesWith(/process\.env\b/)
      .map(roomOf)
      .filter((room) => room !== 'config'),
    [],
  );
});

t.test('only the server listens, but for the lock of a directory', async (t) => {
  t.strictSame(filesWith(/\.listen\(/), ['lib/directory-lock.ts', 'server.ts']);
});

t.test('signals are handled in the server, and in commands that run by themselves', async (t) => {
  t.strictSame(
    filesWith(/process\.(on|once)\(\s*'SIG/).filter((file) => roomOf(file) !== 'cli'),
    ['server.ts'],
  );
});

t.test('nothing relies on a session of PostgreSQL, which behind a pooler belongs to others', (t) => {
  const ofSession =
    /pg_(try_)?advisory_(un)?lock(_shared)?\(|set_config\([^)]*, false\)|create temp|\b(un)?listen \w|^.set (session )?[a-z_.]+ (=|to) /;
  for (const file of files.filter((file) => /^(store|drain|upkeep|cli)\//.test(file))) {
    const text = textOf(file);
    const strings = [...text.matchAll(/`[^`]*`|'[^'\n]*'/g)].map(([string]) => string);
    const found = strings.filter((string) => ofSession.test(string));
    if (found.length > 0) t.fail(file, { found });
    if (/\bname: '\w+',\s+text: /.test(text)) t.fail(`${file} prepares a statement under a name`);
  }
  t.pass('checked');
  t.end();
});
