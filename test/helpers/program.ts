import { fileURLToPath } from 'node:url';

/** The suite runs what was built for it (`npm run build:test`); a test file can be run from its source as well. */
const extension = import.meta.url.endsWith('.js') ? '.js' : '.ts';
const isBuilt = extension === '.js';

/** The directory of the project, with a slash at its end. */
export const root = fileURLToPath(new URL(isBuilt ? '../../..' : '../..', import.meta.url));

/** What Node has to be given before a module of the tests. */
export const loader: readonly string[] = isBuilt ? [] : ['--import', 'tsx'];

/** What Node has to be given to run a module of `src` in a process of its own, such as `cli/backup`. */
export function programOf(module: string): string[] {
  return isBuilt ? [`${root}dist/${module}.js`] : [...loader, `${root}src/${module}.ts`];
}

/** The file of a module of the tests. @param module without its extension */
export function fileOf(module: URL): string {
  return fileURLToPath(module) + extension;
}
