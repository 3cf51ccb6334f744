import { errorCode } from './errors.js';

/** What a call to the file system gives; undefined when the file or directory is not there. */
export async function ifExists<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}
