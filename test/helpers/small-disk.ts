import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Makes the directory a file system of its own, in memory; null where that is not allowed. */
export async function mountSmallDisk(directory: string, mib: number): Promise<(() => Promise<void>) | null> {
  await mkdir(directory, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${mib}m,mode=0711`, 'tmpfs', directory]);
  } catch {
    return null;
  }
  return async () => {
    await run('umount', [directory]);
  };
}
