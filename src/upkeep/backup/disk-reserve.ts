import { bytesInWords } from '../../lib/bytes.js';
import { diskSpace } from '../../lib/disk-space.js';

/** Less is free on the disk of the backups than has to stay. The message is for operators. */
export class DiskReserveError extends Error {
  override readonly name = 'DiskReserveError';
  readonly code = 'DISK_FULL';
  get detail(): string {
    return this.message;
  }
}

/**
 * What a backup writes, and what a restore on trial makes an embedded PostgreSQL write, is not to take what it needs to go on
 * storing events: without room for its log it ends, and cannot start again.
 * @param bytes 0: nothing has to stay
 * @throws DiskReserveError
 */
export async function requireFree(directory: string, bytes: number): Promise<void> {
  if (bytes === 0) return;
  const space = await diskSpace(directory);
  if (space === null || space.freeBytes >= bytes) return;
  const free = `The disk of the backups has ${bytesInWords(space.freeBytes)} free`;
  throw new DiskReserveError(`${free}; DISK_RESERVE_BYTES keeps ${bytesInWords(bytes)} free.`);
}

/** The same chunks, for as long as there is room. */
export async function* whileFree(
  chunks: AsyncIterable<Buffer>,
  directory: string,
  bytes: number,
): AsyncGenerator<Buffer, void> {
  for await (const chunk of chunks) {
    await requireFree(directory, bytes);
    yield chunk;
  }
}
