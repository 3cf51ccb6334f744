import fs from 'node:fs/promises';
import { errorCode } from '../../lib/errors.js';

export function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT';
}

export function isForbidden(error: unknown): boolean {
  return errorCode(error) === 'EACCES';
}

/** The text of a file, or undefined when there is no such file. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
