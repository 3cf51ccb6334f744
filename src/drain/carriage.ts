import { crc32 } from 'node:zlib';
import { messageOf } from '../lib/errors.js';
import { type EventRecord, readRecord } from '../events/record.js';
import type { SpoolRecord } from '../spool/types.js';
import type { Batch, BatchRecord } from '../store/write/batch.js';
import type { Verdict } from '../store/write/outcome.js';

/** Makes a batch for the store out of spool records: the one place where the bytes of the spool become events again. */
export function toBatch(
  records: readonly SpoolRecord[],
  spool: { readonly spoolId: string; readonly epoch: number },
): Batch {
  const [first, last] = [records[0], records.at(-1)];
  if (first === undefined || last === undefined) throw new RangeError('a batch holds at least one record');
  return {
    ...spool,
    first: first.sequence,
    last: last.sequence,
    checksum: checksumOf(records),
    records: records.map(toBatchRecord),
  };
}

/** CRC-32 over the checksums of the records in order. */
export function checksumOf(records: readonly SpoolRecord[]): number {
  const checksums = new Uint32Array(records.length);
  for (const [index, record] of records.entries()) checksums[index] = record.checksum;
  return crc32(new Uint8Array(checksums.buffer));
}

function toBatchRecord(spooled: SpoolRecord): BatchRecord {
  const { sequence, bytes } = spooled;
  const read = spooled.corrupt ? corruptOnDisk : readOrCondemn(bytes);
  if ('reason' in read) return { sequence, record: null, payload: bytes, condemned: read };
  return { sequence, record: read, payload: read.payload, condemned: null };
}

const corruptOnDisk: Verdict = {
  reason: 'corrupt',
  detail: 'the record did not match its checksum when it was read from the spool',
};

/** Whatever is wrong with one record, the others of its batch go on. */
function readOrCondemn(bytes: Buffer): EventRecord | Verdict {
  try {
    return readRecord(bytes);
  } catch (error) {
    return { reason: 'corrupt', detail: messageOf(error) };
  }
}
