import { statfs } from 'node:fs/promises';

export interface DiskSpace {
  /** For those who are not root. */
  readonly freeBytes: number;
  readonly sizeBytes: number;
}

/** Of the file system that holds the directory; rejects with the system's error. */
export async function diskSpace(directory: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(directory);
  return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
}
