/**
 * PostgreSQL's binary `numeric`: how many digits, the power of the first one, sign, scale, and the digits, each of two
 * bytes and worth 0 to 9999. The value is the sum of digit × 10000^(weight − place).
 */
import { DOT, MINUS, writeDigits, ZERO } from './digits.js';

const NEGATIVE = 0x4000;
const HEADER_LENGTH = 8;

/** As plain decimal text, all its digits and no zero more: `-9.0993`, `15`, `0.0000001`. */
export function writeNumeric(source: Buffer, start: number, target: Uint8Array, begin: number): number {
  const count = source.readUInt16BE(start);
  const weight = source.readInt16BE(start + 2);

  let at = begin;
  if (isNegative(source, start)) target[at++] = MINUS;
  at = writeDigits(weight < 0 ? 0 : digitAt(source, start, 0), 1, target, at);
  for (let place = 1; place <= weight; place++)
    at = writeDigits(digitAt(source, start, place), 4, target, at);
  if (count <= weight + 1) return at;

  target[at++] = DOT;
  for (let place = weight + 1; place < count; place++) {
    at = writeDigits(digitAt(source, start, place), 4, target, at);
  }
  while (target[at - 1] === ZERO) at--;
  return target[at - 1] === DOT ? at - 1 : at;
}

/** Bytes that `writeNumeric` needs at most. */
export function numericRoom(source: Buffer, start: number): number {
  const count = source.readUInt16BE(start);
  const weight = source.readInt16BE(start + 2);
  return 4 * (Math.max(weight, 0) + Math.max(count - weight, 0) + 2) + 2;
}

/** The nearest double, which for a number that was sent is the one that was sent. */
export function doubleOf(source: Buffer, start: number): number {
  const count = source.readUInt16BE(start);
  const weight = source.readInt16BE(start + 2);
  if (count <= FEW_DIGITS) {
    let digits = 0;
    for (let place = 0; place < count; place++) digits = digits * 10_000 + digitAt(source, start, place);
    const power = weight - count + 1;
    const factor = EXACT_POWERS[Math.abs(power)];
    // Both are doubles without an error, so one operation on them rounds to the nearest, as reading the text does.
    if (digits <= Number.MAX_SAFE_INTEGER && factor !== undefined) {
      const value = power < 0 ? digits / factor : digits * factor;
      return isNegative(source, start) ? -value : value;
    }
  }
  const text = Buffer.allocUnsafe(numericRoom(source, start));
  return Number(text.toString('latin1', 0, writeNumeric(source, start, text, 0)));
}

/** More never fit into the 53 bits of a double. */
const FEW_DIGITS = 4;
/** Of 10000; up to 10^22 a power of ten is a double without an error. */
const EXACT_POWERS = [1, 1e4, 1e8, 1e12, 1e16, 1e20];

/** Zero before the first and behind the last. */
function digitAt(source: Buffer, start: number, place: number): number {
  if (place < 0 || place >= source.readUInt16BE(start)) return 0;
  return source.readUInt16BE(start + HEADER_LENGTH + 2 * place);
}

function isNegative(source: Buffer, start: number): boolean {
  const sign = source.readUInt16BE(start + 4);
  if (sign !== 0 && sign !== NEGATIVE) throw new Error('a number that is not finite');
  return sign === NEGATIVE;
}
