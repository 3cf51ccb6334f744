import { openSpool } from '../../src/spool/spool.js';
import type { Spool, SpoolFault, SpoolOptions, SpoolRecord } from '../../src/spool/spool.js';
import { MemoryDisk } from './memory-disk.js';

export const DIRECTORY = '/spool';

/** A spool on a disk in memory, with the faults it reported. */
export async function openOn(
  disk: MemoryDisk,
  options: Partial<SpoolOptions> = {},
): Promise<{ spool: Spool; faults: SpoolFault[] }> {
  const faults: SpoolFault[] = [];
  const onFault = (fault: SpoolFault) => faults.push(fault);
  const spool = await openSpool({
    directory: DIRECTORY,
    maxBytes: 2 ** 24,
    files: disk,
    onFault,
    ...options,
  });
  return { spool, faults };
}

export async function readAll(spool: Spool, after = 0): Promise<SpoolRecord[]> {
  const reader = spool.reader(after);
  const all: SpoolRecord[] = [];
  for (;;) {
    const records = await reader.next({ maxRecords: 100, maxBytes: 2 ** 20 });
    if (records.length === 0) return all;
    all.push(...records);
  }
}

export function texts(records: readonly SpoolRecord[]): string[] {
  return records.map(({ bytes, corrupt }) => (corrupt ? 'CORRUPT' : bytes.toString()));
}

export function bytesOf(...records: string[]): Buffer[] {
  return records.map((text) => Buffer.from(text));
}

/** Resolves when everything that is under way without waiting for us has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
}
