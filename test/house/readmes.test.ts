import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { readConfig } from '../../src/config/config.js';
import { root } from '../helpers/program.js';
import { readmeOf } from '../helpers/readmes.js';

const MAX_LINES = 200;
const MAX_LINES_OF_ROOM = 250;

/** What is documented beside its code; the rest is in the README of the project. */
const rooms = [
  'src/clients',
  'src/events',
  'src/http',
  'src/store/read',
  'src/cli',
  'src/config',
  'src/upkeep',
  'src/observe',
  'test/whole',
  'test/bench',
  'test',
];
const everywhere = ['.', ...rooms];

const linesOf = (text: string): number => text.trimEnd().split('\n').length;
const withoutCode = (text: string): string =>
  text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');
const linksOf = (room: string): string[] =>
  [...withoutCode(readmeOf(room)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^https?:/.test(target));

/** The anchors of a text, as GitHub makes them of its headings. */
function anchorsOf(text: string): string[] {
  return [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

t.test('a README can be read in one go: 200 lines of the project, 250 of a room', async (t) => {
  for (const room of everywhere) {
    const lines = linesOf(readmeOf(room));
    const max = room === '.' ? MAX_LINES : MAX_LINES_OF_ROOM;
    t.ok(lines <= max, `${room}/README.md has ${lines} lines, at most ${max}`);
  }
});

t.test('the README of the project leads to that of each room, and there are no others', async (t) => {
  const linked = linksOf('.').map((target) => target.replace(/#.*/, ''));
  for (const room of rooms) t.ok(linked.includes(`${room}/README.md`), room);
  const files = ['src', 'test'].flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${directory}/${file}`,
    ),
  );
  const found = files.filter((file) => file.endsWith('/README.md')).map(dirname);
  t.strictSame(found.sort(), [...rooms].sort());
});

t.test('every link leads to a file and a heading that are there', async (t) => {
  let seen = 0;
  for (const room of everywhere) {
    for (const target of linksOf(room)) {
      seen++;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? join(root, room, 'README.md') : join(root, room, path);
      const leads =
        existsSync(file) && (anchor === undefined || anchorsOf(readFileSync(file, 'utf8')).includes(anchor));
      t.ok(leads, `${target} in ${room}/README.md`);
    }
  }
  t.ok(seen > 30, 'the links were found');
});

t.test('every script that a README names is one of package.json', async (t) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  let seen = 0;
  for (const room of everywhere) {
    for (const [, name = ''] of readmeOf(room).matchAll(/\bnpm run ([\w:-]+)/g)) {
      seen++;
      t.ok(Object.hasOwn(scripts, name), `npm run ${name} in ${room}/README.md`);
    }
  }
  t.ok(seen > 30, 'the scripts were found');
});

t.test('the README of the configuration has every variable that is read, and no other', async (t) => {
  const read = new Set<string>();
  readConfig(new Proxy({}, { get: (_, name) => void read.add(String(name)) }));
  const rows = readmeOf('src/config').matchAll(/^\| (`[A-Z].*?) +\|/gm);
  const documented = [...rows].flatMap(([, cell = '']) => cell.match(/[A-Z_]+/g) ?? []);
  t.strictSame(documented.sort(), [...read].sort());
  for (const [variable = ''] of readmeOf().matchAll(/(?<=^\| .*`)[A-Z]+_[A-Z_]+(?=`.*\|)/gm))
    t.ok(read.has(variable), `${variable} in README.md`);
});

t.test('the programs of a room: its README tells each of their options', async (t) => {
  let seen = 0;
  for (const room of ['test/bench', 'test/whole']) {
    for (const file of readdirSync(join(root, room)).filter((name) => /(^|-)run\.ts$/.test(name))) {
      const text = readFileSync(join(root, room, file), 'utf8');
      for (const [, name = ''] of text.matchAll(/^ {4}'?([\w-]+)'?: \{ type: '/gm)) {
        if (name === 'help') continue;
        seen++;
        t.match(readmeOf(room), `--${name}`, `--${name} of ${room}/${file}`);
      }
    }
  }
  t.ok(seen > 20, 'the options were found');
});
