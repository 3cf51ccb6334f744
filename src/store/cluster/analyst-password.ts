import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { replaceFile } from '../../lib/durable-files.js';
import { ifExists } from '../../lib/if-exists.js';

/** Beside the data directory, where an operator looks for it also when the cluster had to go elsewhere. */
export function analystPasswordFile(dataDir: string): string {
  return path.join(path.dirname(path.resolve(dataDir)), 'analyst.password');
}

/** The password in `analyst.password`, made on first use. Only the user of the service can read the file. */
export async function analystPassword(dataDir: string): Promise<string> {
  const file = analystPasswordFile(dataDir);
  const known = (await ifExists(fs.readFile(file, 'utf8')))?.trim();
  if (known) {
    await fs.chmod(file, 0o600);
    return known;
  }
  const password = randomBytes(24).toString('base64url');
  await replaceFile(file, `${password}\n`);
  return password;
}
