import { randomFillSync } from 'node:crypto';

const RANDOM_BYTES = 4096;
const pool = Buffer.alloc(RANDOM_BYTES);
let used = RANDOM_BYTES;

let lastMs = 0;
let sequence = 0;
const MAX_SEQUENCE = 0xfff;

/**
 * A UUID of version 7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, 12 bits that count within the millisecond
 * (§6.2, method 1), 62 random bits. Ids made by one process sort in the order in which they were made, also when the
 * clock steps back or more than 4,096 are made in one millisecond: the time part then runs ahead of the clock.
 *
 * @param nowMs milliseconds since 1970, at most 2^48 - 1.
 */
export function uuidV7(nowMs: number = Date.now()): string {
  if (nowMs > lastMs) {
    lastMs = nowMs;
    sequence = 0;
  } else if (sequence < MAX_SEQUENCE) {
    sequence += 1;
  } else {
    lastMs += 1;
    sequence = 0;
  }
  if (used === RANDOM_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + 8);
  used += 8;
  // The two topmost of these 64 bits are the variant, binary 10.
  random.writeUInt8((random.readUInt8(0) & 0x3f) | 0x80, 0);

  const time = lastMs.toString(16).padStart(12, '0');
  const counter = sequence.toString(16).padStart(3, '0');
  const tail = random.toString('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}
