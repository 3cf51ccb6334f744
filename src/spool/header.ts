import { crc32 } from 'node:zlib';
import { SpoolFormatError } from './errors.js';
import { readU64, writeU64 } from './integers.js';

/*
 * The header of a segment, 1,024 bytes: the same 96 bytes at 0 and at 512, zeros between.
 *    0  8 bytes  magic
 *    8  u32      format
 *   12  u32      salt
 *   16  16 bytes spool id when it was made
 *   32  u64      base: the first sequence of this segment
 *   40  u64      accepted before: records ever synced in this directory before this segment
 *   48  u64      uncounted: of these, what belongs to former ids
 *   56  u64      base of the segment before it
 *   64  u64      number of records in that one
 *   72  u64      created at, ms since 1970
 *   80           zeros
 *   92  u32      crc32 of 0..92
 * The seal, the last 128 bytes of a segment that does not grow any more: again these 96 bytes, then
 *   96  8 bytes  magic
 *  104  u64      number of records
 *  112  u64      offset of the seal itself
 *  120           zeros
 *  124  u32      crc32 of 0..124, started from the salt
 */
export const FORMAT = 1;
export const HEADER_BYTES = 1024;
export const SEAL_BYTES = 128;
const COPY_BYTES = 96;
const COPIES_AT = [0, 512];
const HEADER_MAGIC = Buffer.from('SPOOLSEG', 'latin1');
const SEAL_MAGIC = Buffer.from('SPOOLEND', 'latin1');

export interface SegmentHeader {
  readonly salt: number;
  readonly spoolId: string;
  readonly base: number;
  readonly acceptedBefore: number;
  readonly uncounted: number;
  readonly previousBase: number;
  readonly previousCount: number;
  readonly createdAtMs: number;
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const target = Buffer.alloc(HEADER_BYTES);
  const copy = encodeCopy(header);
  for (const at of COPIES_AT) target.set(copy, at);
  return target;
}

/** The first copy that holds, or null. Throws SpoolFormatError when a copy holds and is of a newer format. */
export function decodeHeader(bytes: Buffer): SegmentHeader | null {
  for (const at of COPIES_AT) {
    const header = decodeCopy(bytes.subarray(at, at + COPY_BYTES));
    if (header) return header;
  }
  return null;
}

export function encodeSeal(header: SegmentHeader, count: number, sealAt: number): Buffer {
  const target = Buffer.alloc(SEAL_BYTES);
  target.set(encodeCopy(header), 0);
  target.set(SEAL_MAGIC, 96);
  writeU64(target, count, 104);
  writeU64(target, sealAt, 112);
  target.writeUInt32LE(crc32(target.subarray(0, 124), header.salt), 124);
  return target;
}

/** The header and the number of records, when the last bytes of a file, found at `sealAt`, are a seal that holds. */
export function decodeSeal(bytes: Buffer, sealAt: number): { header: SegmentHeader; count: number } | null {
  if (bytes.length !== SEAL_BYTES || !bytes.subarray(96, 104).equals(SEAL_MAGIC)) return null;
  const header = decodeCopy(bytes.subarray(0, COPY_BYTES));
  if (!header || bytes.readUInt32LE(124) !== crc32(bytes.subarray(0, 124), header.salt)) return null;
  return readU64(bytes, 112) === sealAt ? { header, count: readU64(bytes, 104) } : null;
}

function encodeCopy(header: SegmentHeader): Buffer {
  const target = Buffer.alloc(COPY_BYTES);
  target.set(HEADER_MAGIC, 0);
  target.writeUInt32LE(FORMAT, 8);
  target.writeUInt32LE(header.salt, 12);
  target.set(Buffer.from(header.spoolId.replaceAll('-', ''), 'hex'), 16);
  writeU64(target, header.base, 32);
  writeU64(target, header.acceptedBefore, 40);
  writeU64(target, header.uncounted, 48);
  writeU64(target, header.previousBase, 56);
  writeU64(target, header.previousCount, 64);
  writeU64(target, header.createdAtMs, 72);
  target.writeUInt32LE(crc32(target.subarray(0, 92)), 92);
  return target;
}

function decodeCopy(bytes: Buffer): SegmentHeader | null {
  if (bytes.length < COPY_BYTES || !bytes.subarray(0, 8).equals(HEADER_MAGIC)) return null;
  if (crc32(bytes.subarray(0, 92)) !== bytes.readUInt32LE(92)) return null;
  const format = bytes.readUInt32LE(8);
  if (format !== FORMAT)
    throw new SpoolFormatError(`a segment has format ${format}, this version reads ${FORMAT}`);
  return {
    salt: bytes.readUInt32LE(12),
    spoolId: bytes.toString('hex', 16, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
    base: readU64(bytes, 32),
    acceptedBefore: readU64(bytes, 40),
    uncounted: readU64(bytes, 48),
    previousBase: readU64(bytes, 56),
    previousCount: readU64(bytes, 64),
    createdAtMs: readU64(bytes, 72),
  };
}
