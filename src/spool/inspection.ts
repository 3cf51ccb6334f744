import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { errorCode } from '../lib/errors.js';
import { readUpTo } from './files.js';
import type { SpoolFile, SpoolFiles } from './files.js';
import { decodeHeader, decodeSeal, HEADER_BYTES, SEAL_BYTES } from './header.js';
import type { SegmentHeader } from './header.js';
import { HEAD_BYTES, readHead } from './record.js';
import { segmentName } from './segment.js';

/** How often a disk is asked at opening for what it refuses. */
export const OPENING_ATTEMPTS = 4;
const RETRY_MS = 50;

/** What the first and last bytes of a segment file say. */
export interface Found {
  readonly base: number;
  readonly path: string;
  readonly header: SegmentHeader | null;
  readonly sealedCount: number | null;
  readonly size: number;
  readonly firstTimeMs: number | null;
}

/** Reads a header and a seal, whatever the size of the segment. */
export async function inspect(files: SpoolFiles, directory: string, base: number): Promise<Found> {
  const path = join(directory, segmentName(base));
  const file = await files.open(path);
  try {
    const size = await file.size();
    const start = await readOrNothing(file, 0, HEADER_BYTES + HEAD_BYTES);
    const sealAt = size - SEAL_BYTES;
    const seal =
      sealAt >= HEADER_BYTES ? decodeSeal(await readOrNothing(file, sealAt, SEAL_BYTES), sealAt) : null;
    const header = [decodeHeader(start), seal?.header].find((one) => one?.base === base) ?? null;
    // A segment whose first record is damaged or missing has no first time; its creation is near enough.
    const head =
      header && start.length >= HEADER_BYTES + HEAD_BYTES ? readHead(start, HEADER_BYTES, header.salt) : null;
    const sealedCount = header && seal?.header.salt === header.salt ? seal.count : null;
    return { base, path, header, sealedCount, size, firstTimeMs: head?.timeMs ?? null };
  } finally {
    await file.close();
  }
}

/** A bad sector under a header is the same as a header that does not hold. */
async function readOrNothing(file: SpoolFile, position: number, length: number): Promise<Buffer> {
  try {
    return await patiently(() => readUpTo(file, Buffer.alloc(length), position));
  } catch (error) {
    if (errorCode(error) === 'EIO') return Buffer.alloc(0);
    throw error;
  }
}

/** Reads again when that fails with EIO: an error that passes must not cost records. */
export async function patiently<T>(read: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await read();
    } catch (error) {
      if (errorCode(error) !== 'EIO' || attempt === OPENING_ATTEMPTS) throw error;
      await setTimeout(RETRY_MS);
    }
  }
}
