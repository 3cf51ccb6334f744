import { readFileSync } from 'node:fs';
import t from 'tap';
import { root } from '../helpers/program.js';

interface Installed {
  readonly license?: string;
  readonly hasInstallScript?: boolean;
  /** Not there where the service runs. */
  readonly dev?: boolean;
}

const lock = readJson('package-lock.json') as { packages: Readonly<Record<string, Installed>> };
const { allowScripts } = readJson('package.json') as { allowScripts: Readonly<Record<string, boolean>> };

/** All of them ask for their notice to be kept, and for nothing else. */
const ALLOWED_LICENCES = [
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'ISC',
  'MIT',
  'PostgreSQL',
];

/** Of the tools: what its script does, choosing the binary of the machine, it does without it as well. */
const SCRIPTS_OF_TOOLS = ['esbuild'];

const installed = Object.entries(lock.packages)
  .filter(([path]) => path !== '')
  .map(([path, about]) => ({
    name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
    ...about,
  }));
const shipped = installed.filter(({ dev }) => dev !== true);

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(`${root}${file}`, 'utf8'));
}

t.test('whatever runs with the service may be used and passed on by anybody', async (t) => {
  t.ok(shipped.length > 50, 'the packages were found');
  const others = shipped.filter(({ license = '' }) => !ALLOWED_LICENCES.includes(license));
  t.strictSame(
    others.map(({ name, license }) => `${name}: ${String(license)}`),
    [],
  );
});

t.test('nothing runs at the installation but what is allowed to by name', async (t) => {
  const namesOf = (packages: readonly { name: string; hasInstallScript?: boolean }[]): string[] =>
    [
      ...new Set(
        packages.filter(({ hasInstallScript }) => hasInstallScript === true).map(({ name }) => name),
      ),
    ].sort();
  const allowed = Object.keys(allowScripts).filter((name) => allowScripts[name] === true);
  t.strictSame(namesOf(shipped), allowed.sort());
  t.strictSame(namesOf(installed.filter(({ dev }) => dev === true)), SCRIPTS_OF_TOOLS);
});
