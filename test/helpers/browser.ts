import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import type { Teardown } from './postgres.js';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** CHROMIUM_PATH, or where one usually is; undefined where there is none. */
export function findBrowser(): string | undefined {
  const { CHROMIUM_PATH: named = '' } = process.env;
  return named === '' ? PLACES.find((place) => existsSync(place)) : named;
}

/**
 * A browser that reaches this machine and nothing else.
 * @param names and the addresses that they stand for
 */
export async function openBrowser(
  t: Teardown,
  executablePath: string,
  names: Readonly<Record<string, string>> = {},
): Promise<Browser> {
  const known = Object.entries(names).map(([name, address]) => `MAP ${name} ${address}, `);
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=${known.join('')}MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
    ],
  });
  t.teardown(() => browser.close());
  return browser;
}
