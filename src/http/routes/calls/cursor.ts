/**
 * A cursor is the position of the last call of a page: base64url of a checksum, `sent_at`, and `call_id`. The checksum
 * is there for damage, not for secrecy: another position would be as good a place to go on from.
 */
import { createHash } from 'node:crypto';
import { isId } from '../../../events/identity.js';
import { parseUtcTime } from '../../../lib/time.js';
import type { CallPosition } from '../../../store/read/calls.js';

const CHECKSUM_BYTES = 8;
const TIME_CHARACTERS = '2025-10-22T05:01:19.000000Z'.length;

export function cursorOf({ sent_at, call_id }: CallPosition): string {
  const text = Buffer.from(sent_at + call_id);
  return Buffer.concat([checksum(text), text]).toString('base64url');
}

/** Undefined for anything that `cursorOf` did not make. */
export function positionOf(cursor: string): CallPosition | undefined {
  const bytes = Buffer.from(cursor, 'base64url');
  // Decoding passes over what is not of the alphabet, and over spare bits at the end.
  if (bytes.toString('base64url') !== cursor) return undefined;
  const text = bytes.subarray(CHECKSUM_BYTES);
  if (!checksum(text).equals(bytes.subarray(0, CHECKSUM_BYTES))) return undefined;
  const sentAt = text.toString().slice(0, TIME_CHARACTERS);
  const callId = text.toString().slice(TIME_CHARACTERS);
  return parseUtcTime(sentAt) === sentAt && isId(callId) ? { sent_at: sentAt, call_id: callId } : undefined;
}

function checksum(text: Buffer): Buffer {
  return createHash('sha256')
    .update('call-logger cursor 1\n')
    .update(text)
    .digest()
    .subarray(0, CHECKSUM_BYTES);
}
