import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * What Node has to be given to run a module of `src` in a process of its own: as it was built for this run of the suite
 * (before.ts), which starts in a third of the time; from its source when a test file is run alone.
 * @param module such as `cli/backup`
 */
export function programOf(module: string): string[] {
  const isSuite = process.env['TAP'] === '1';
  return isSuite ? [`${root}dist/${module}.js`] : ['--import', 'tsx', `${root}src/${module}.ts`];
}
