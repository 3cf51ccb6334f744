export const ZERO = 0x30;
export const MINUS = 0x2d;
export const DOT = 0x2e;

/**
 * Writes a whole number, not negative and safe, in decimal, with zeros before it up to a width.
 * @returns where the next byte goes
 */
export function writeDigits(value: number, width: number, target: Uint8Array, at: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  const end = at + Math.max(digits, width);
  let rest = value;
  for (let place = end - 1; place >= at; place--) {
    const shorter = Math.floor(rest / 10);
    target[place] = ZERO + rest - shorter * 10;
    rest = shorter;
  }
  return end;
}

/** For a few bytes quicker than `set`. */
export function put(bytes: Uint8Array, target: Uint8Array, at: number): number {
  for (let place = 0; place < bytes.length; place++) target[at + place] = bytes[place] ?? 0;
  return at + bytes.length;
}
