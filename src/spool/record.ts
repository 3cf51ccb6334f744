import { crc32 } from 'node:zlib';
import { readU64, writeU64 } from './integers.js';

/*
 * A record, at a multiple of 8 bytes from the start of the file:
 *    0  u32  marker
 *    4  u32  length of the bytes
 *    8  u64  sequence
 *   16  u64  appended at, ms since 1970
 *   24  u32  head check: crc32 of 0..24, started from the segment's salt
 *   28  u32  checksum: crc32 of the bytes, started from the head check
 *   32       the bytes, zeros up to the next multiple of 8
 */
export const HEAD_BYTES = 32;
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;
const MARKER = 0x5e9d_c0a7;

export interface RecordHead {
  readonly length: number;
  readonly sequence: number;
  readonly timeMs: number;
  readonly headCheck: number;
  readonly checksum: number;
}

/** What a record of this many bytes takes in the file. */
export function recordSpace(length: number): number {
  return HEAD_BYTES + Math.ceil(length / 8) * 8;
}

/** Writes one record at `at` and returns the offset after it. */
export function encodeRecord(
  target: Buffer,
  at: number,
  salt: number,
  sequence: number,
  timeMs: number,
  bytes: Uint8Array,
): number {
  if (bytes.length > MAX_RECORD_BYTES) throw new RangeError(`a record of ${bytes.length} bytes`);
  const end = at + recordSpace(bytes.length);
  target.writeUInt32LE(MARKER, at);
  target.writeUInt32LE(bytes.length, at + 4);
  writeU64(target, sequence, at + 8);
  writeU64(target, timeMs, at + 16);
  const headCheck = crc32(target.subarray(at, at + 24), salt);
  target.writeUInt32LE(headCheck, at + 24);
  target.writeUInt32LE(crc32(bytes, headCheck), at + 28);
  target.set(bytes, at + HEAD_BYTES);
  target.fill(0, at + HEAD_BYTES + bytes.length, end);
  return end;
}

/** The head at `at` if its check holds; the caller has made sure that HEAD_BYTES are there. */
export function readHead(source: Buffer, at: number, salt: number): RecordHead | null {
  if (source.readUInt32LE(at) !== MARKER) return null;
  const headCheck = source.readUInt32LE(at + 24);
  if (crc32(source.subarray(at, at + 24), salt) !== headCheck) return null;
  const length = source.readUInt32LE(at + 4);
  if (length > MAX_RECORD_BYTES) return null;
  return {
    length,
    sequence: readU64(source, at + 8),
    timeMs: readU64(source, at + 16),
    headCheck,
    checksum: source.readUInt32LE(at + 28),
  };
}

export function bytesMatch(head: RecordHead, bytes: Uint8Array): boolean {
  return crc32(bytes, head.headCheck) === head.checksum;
}
