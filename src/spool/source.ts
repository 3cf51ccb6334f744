import { errorCode } from '../lib/errors.js';
import { readUpTo } from './files.js';
import type { SpoolFiles } from './files.js';
import type { ByteSource } from './scanner.js';

export const CHUNK_BYTES = 256 * 1024;

/**
 * The bytes of a segment: from the cache, else from the file, which is opened for each piece, so that a reader holds
 * nothing that would have to be closed. A file that is gone is empty.
 */
export function segmentSource(
  files: SpoolFiles,
  path: string,
  cached?: (offset: number) => Buffer | undefined,
): ByteSource {
  return {
    async read(offset, atLeast, end) {
      const atHand = cached?.(offset);
      if (atHand && atHand.length >= atLeast) return atHand.subarray(0, end - offset);
      const wanted = Math.min(Math.max(CHUNK_BYTES, atLeast), end - offset);
      try {
        const file = await files.open(path);
        try {
          return await readUpTo(file, Buffer.allocUnsafeSlow(wanted), offset);
        } finally {
          await file.close();
        }
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return Buffer.alloc(0);
        throw error;
      }
    },
  };
}
