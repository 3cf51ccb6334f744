import { errorCode } from '../lib/errors.js';
import { readUpTo } from './files.js';
import type { SpoolFile, SpoolFiles } from './files.js';
import type { ByteSource } from './scanner.js';

export const CHUNK_BYTES = 256 * 1024;
/** What the kernel reads at once, and so the least that a bad sector makes unreadable. */
const BLOCK_BYTES = 4096;

export interface SourceOptions {
  readonly cached?: (offset: number) => Buffer | undefined;
  /** Asked when the piece at this offset cannot be read (EIO): false to reject, true to do with what can be read of it. */
  readonly giveUp?: (offset: number) => boolean;
  /** Told that the piece at this offset came out with zeros for what cannot be read. */
  readonly onUnreadable?: (offset: number, error: unknown) => void;
}

/**
 * The bytes of a segment: from the cache, else from the file, which is opened for each piece, so that a reader holds
 * nothing that would have to be closed. A file that is gone is empty.
 */
export function segmentSource(files: SpoolFiles, path: string, options: SourceOptions = {}): ByteSource {
  const { cached, giveUp, onUnreadable } = options;
  return {
    async read(offset, atLeast, end) {
      const atHand = cached?.(offset);
      if (atHand && atHand.length >= atLeast) return atHand.subarray(0, end - offset);
      const wanted = Math.min(Math.max(CHUNK_BYTES, atLeast), end - offset);
      try {
        const file = await files.open(path);
        try {
          return await readUpTo(file, Buffer.allocUnsafeSlow(wanted), offset);
        } catch (error) {
          if (errorCode(error) !== 'EIO' || !giveUp?.(offset)) throw error;
          return await readAround(file, wanted, offset, (unreadable) => onUnreadable?.(offset, unreadable));
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

/** What can be read of these bytes, zeros for the rest. Rejects when the whole disk seems to be away: it may come back. */
async function readAround(
  file: SpoolFile,
  length: number,
  offset: number,
  onUnreadable: (error: unknown) => void,
): Promise<Buffer> {
  await file.datasync();
  const bytes = Buffer.alloc(Math.max(0, Math.min(length, (await file.size()) - offset)));
  let failure: unknown;
  for (let at = 0; at < bytes.length;) {
    const next = Math.min(bytes.length, at + BLOCK_BYTES - ((offset + at) % BLOCK_BYTES));
    try {
      await readUpTo(file, bytes.subarray(at, next), offset + at);
    } catch (error) {
      if (errorCode(error) !== 'EIO') throw error;
      bytes.fill(0, at, next);
      failure ??= error;
    }
    at = next;
  }
  if (failure !== undefined) onUnreadable(failure);
  return bytes;
}
