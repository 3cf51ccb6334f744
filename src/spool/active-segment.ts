import { randomInt } from 'node:crypto';
import { errorCode, messageOf } from '../lib/errors.js';
import { isOutOfHandles, isOutOfRoom } from './errors.js';
import { writeAll } from './files.js';
import type { SpoolFile, SpoolFiles } from './files.js';
import { encodeHeader, encodeSeal, HEADER_BYTES, SEAL_BYTES } from './header.js';
import type { SegmentHeader } from './header.js';
import { Segment } from './segment.js';
import type { Segments } from './segments.js';
import type { OnFault } from './types.js';

/** A failure after which the file, or the directory, cannot be trusted any more. */
class UntrustworthyError extends Error {}

/** The segment that is being written, with its open file. Its methods are never called at the same time. */
export class ActiveSegment {
  private constructor(
    readonly segment: Segment,
    readonly header: SegmentHeader,
    private readonly file: SpoolFile,
  ) {}

  /** A new segment, on disk and durable, added to the list. Rejects when there is no room, leaving nothing, or with UntrustworthyError. */
  static async create(
    files: SpoolFiles,
    directory: string,
    header: Omit<SegmentHeader, 'salt'>,
    segments: Segments,
  ): Promise<ActiveSegment> {
    const full = { ...header, salt: randomInt(2 ** 32) };
    const state = {
      base: header.base,
      header: full,
      count: 0,
      dataEnd: HEADER_BYTES,
      fileBytes: HEADER_BYTES,
    };
    const segment = new Segment(directory, { ...state, sealed: false });
    let file: SpoolFile | null = null;
    try {
      file = await files.create(segment.path);
      await writeAll(file, encodeHeader(full), 0);
      await trusting(file.datasync());
      await syncNames(files, directory);
    } catch (error) {
      try {
        if (isOutOfRoom(error)) await trusting(unmake(files, segment.path, file));
      } finally {
        await file?.close().catch(() => undefined);
      }
      throw isOutOfRoom(error) ? error : untrustworthy(error);
    }
    segments.add(segment);
    return new ActiveSegment(segment, full, file);
  }

  /**
   * Writes and syncs whole records after what is there. Rejects when there is no room, having cut the file back to what was
   * synced, or with UntrustworthyError. The segment is not yet said to have grown.
   */
  async write(bytes: Buffer): Promise<void> {
    const { dataEnd } = this.segment;
    try {
      await writeAll(this.file, bytes, dataEnd);
    } catch (error) {
      if (!isOutOfRoom(error)) throw untrustworthy(error);
      await trusting(this.file.truncate(dataEnd));
      throw error;
    }
    await trusting(this.file.datasync());
  }

  /**
   * Seals and closes. Without room for the seal it stays without (what was written of it is a torn tail, or lies after the
   * last record, where nobody looks). Rejects with UntrustworthyError.
   */
  async finish(segments: Segments, onFault: OnFault): Promise<void> {
    const { segment } = this;
    try {
      await writeAll(this.file, encodeSeal(this.header, segment.count, segment.dataEnd), segment.dataEnd);
      await trusting(this.file.datasync());
      segment.sealed = true;
      segments.resized(segment, segment.dataEnd + SEAL_BYTES);
    } catch (error) {
      if (!isOutOfRoom(error)) throw untrustworthy(error);
      onFault({ kind: 'seal', message: `a segment could not be sealed: ${messageOf(error)}`, error });
    } finally {
      await this.abandon();
    }
  }

  /** Closes as it is. */
  async abandon(): Promise<void> {
    await this.file.close().catch(() => undefined);
  }
}

/**
 * Nothing may be left of it: the segment before goes on, and would be believed to hold as few records as this header says.
 * The removal itself is durable only with the next sync of the directory, so the file is emptied first.
 */
async function unmake(files: SpoolFiles, path: string, file: SpoolFile | null): Promise<void> {
  await file?.truncate(0);
  await file?.datasync();
  await files.remove(path).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOENT') throw error;
  });
}

async function trusting(step: Promise<void>): Promise<void> {
  try {
    await step;
  } catch (error) {
    throw untrustworthy(error);
  }
}

/** Without a file handle to be had it was not even tried, and nothing is in doubt. */
async function syncNames(files: SpoolFiles, directory: string): Promise<void> {
  try {
    await files.syncDirectory(directory);
  } catch (error) {
    throw isOutOfHandles(error) ? error : untrustworthy(error);
  }
}

function untrustworthy(error: unknown): UntrustworthyError {
  return error instanceof UntrustworthyError
    ? error
    : new UntrustworthyError(messageOf(error), { cause: error });
}
