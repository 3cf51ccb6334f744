import { readFileSync } from 'node:fs';
import { ConfigError } from './config.js';
import { ConfigReader } from './reader.js';

/**
 * The key with which commands talk to a running service: CALL_LOGGER_KEY, or the contents of the file that
 * CALL_LOGGER_KEY_FILE names.
 *
 * @returns undefined when neither is set
 * @throws ConfigError when both are set or the file cannot be read; its message never shows the key
 */
export function readClientKey(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string | undefined {
  const read = new ConfigReader(env);
  const key = read.secret('CALL_LOGGER_KEY', (path) => readFileSync(path, 'utf8'));
  if (read.problems.length > 0) throw new ConfigError(read.problems);
  return key?.trim();
}
