import { statfs } from 'node:fs/promises';

export interface DiskSpace {
  /** For those who are not root. */
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** Of the file system that holds the directory; null when it does not tell. */
export async function diskSpace(directory: string): Promise<DiskSpace | null> {
  try {
    const { bavail, blocks, bsize } = await statfs(directory);
    // Some that are not of this machine say 0 to everything.
    return blocks === 0 ? null : { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
  } catch {
    return null;
  }
}
