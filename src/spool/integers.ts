// 64-bit fields hold safe integers only; reading them as two halves is several times faster than BigInt.

/** Writes a safe non-negative integer as u64. */
export function writeU64(target: Buffer, value: number, at: number): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`${value} is not an unsigned safe integer`);
  target.writeUInt32LE(value % 0x1_0000_0000, at);
  target.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4);
}

/** Reads a u64; one beyond the safe integers comes out rounded, and is refused by whoever checks its range. */
export function readU64(source: Buffer, at: number): number {
  return source.readUInt32LE(at + 4) * 0x1_0000_0000 + source.readUInt32LE(at);
}
