import { readFileSync } from 'node:fs';

const UNRELEASED = '__version__ = "unreleased"';

/**
 * The sender for bots in Python, whole, with the version in it. Read from beside this module, in src/ as in dist/, where
 * the build puts it.
 * @throws Error when the installation is not whole
 */
export function readPythonSender(version: string): string {
  const text = readFileSync(new URL('call_logger.py', import.meta.url), 'utf8');
  if (!text.includes(UNRELEASED)) throw new Error(`call_logger.py has no line ${UNRELEASED}`);
  return text.replace(UNRELEASED, `__version__ = ${JSON.stringify(version)}`);
}
