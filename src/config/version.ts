import { readFileSync } from 'node:fs';

interface Package {
  readonly version: string;
}

/** Of the service, as in package.json: two levels up from here, in src/ as in dist/. */
export const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as Package;
