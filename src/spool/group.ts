import { setImmediate } from 'node:timers/promises';
import { encodeRecord, MAX_RECORD_BYTES, recordSpace } from './record.js';
import type { AppendReceipt } from './types.js';

const MAX_APPEND_RECORDS = 10_000;
/** Room for a 16 MiB batch of 10,000 events, each with what its record adds. */
const MAX_APPEND_BYTES = 56 * 1024 * 1024;
const ENCODE_AT_ONCE_BYTES = 1024 * 1024;

/** One append that waits for the disk. */
export interface PendingAppend {
  readonly records: readonly Uint8Array[];
  /** What it will take in the file. */
  readonly space: number;
  readonly resolve: (receipt: AppendReceipt) => void;
  readonly reject: (error: Error) => void;
}

/** What an append will take in the file; throws RangeError when it is beyond the limits of one append. */
export function spaceOf(records: readonly Uint8Array[]): number {
  if (records.length < 1 || records.length > MAX_APPEND_RECORDS) {
    throw new RangeError(`an append holds 1 to ${MAX_APPEND_RECORDS} records, not ${records.length}`);
  }
  let bytes = 0;
  let space = 0;
  for (const record of records) {
    if (record.length > MAX_RECORD_BYTES) {
      throw new RangeError(`a record holds at most ${MAX_RECORD_BYTES} bytes, not ${record.length}`);
    }
    bytes += record.length;
    space += recordSpace(record.length);
  }
  if (bytes > MAX_APPEND_BYTES) {
    throw new RangeError(`an append holds at most ${MAX_APPEND_BYTES} bytes, not ${bytes}`);
  }
  return space;
}

/** The records of all these appends as they will stand in the file. Lets others run between megabytes. */
export async function encodeGroup(
  group: readonly PendingAppend[],
  salt: number,
  firstSequence: number,
  timeMs: number,
): Promise<Buffer> {
  const target = Buffer.allocUnsafeSlow(group.reduce((sum, append) => sum + append.space, 0));
  let at = 0;
  let pauseAt = ENCODE_AT_ONCE_BYTES;
  let sequence = firstSequence;
  for (const { records } of group) {
    for (const record of records) {
      at = encodeRecord(target, at, salt, sequence++, timeMs, record);
      if (at < pauseAt) continue;
      await setImmediate();
      pauseAt = at + ENCODE_AT_ONCE_BYTES;
    }
  }
  if (at !== target.length) throw new Error(`a group of ${target.length} bytes was encoded to ${at}`);
  return target;
}
