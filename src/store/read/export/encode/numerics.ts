/**
 * PostgreSQL's binary `numeric`: how many digits, the power of the first one, sign, scale, and the digits, each of two
 * bytes and worth 0 to 9999. The value is the sum of digit × 10000^(weight − place).
 */
import { DOT, type Memory, memory, MINUS, writeFourDigits, writeInteger, ZERO } from './memory.js';

const NEGATIVE = 0x4000;
const HEADER_LENGTH = 8;

/** As plain decimal text, all its digits and no zero more: `-9.0993`, `15`, `0.0000001`. */
export function writeNumeric(source: Memory, start: number, target: Memory, begin: number): number {
  const { bytes } = target;
  const count = source.words.getUint16(start);
  const weight = source.words.getInt16(start + 2);

  let at = begin;
  if (isNegative(source, start)) bytes[at++] = MINUS;
  at = writeInteger(weight < 0 ? 0 : digitAt(source, start, count, 0), target, at);
  for (let place = 1; place <= weight; place++) {
    at = writeFourDigits(digitAt(source, start, count, place), target, at);
  }
  if (count <= weight + 1) return at;

  bytes[at++] = DOT;
  for (let place = weight + 1; place < count; place++) {
    at = writeFourDigits(digitAt(source, start, count, place), target, at);
  }
  while (bytes[at - 1] === ZERO) at--;
  return bytes[at - 1] === DOT ? at - 1 : at;
}

/** Bytes that `writeNumeric` needs at most. */
export function numericRoom(source: Memory, start: number): number {
  const count = source.words.getUint16(start);
  const weight = source.words.getInt16(start + 2);
  return 4 * (Math.max(weight, 0) + Math.max(count - weight, 0) + 2) + 2;
}

/** The nearest double, which for a number that was sent is the one that was sent. */
export function doubleOf(source: Memory, start: number): number {
  const count = source.words.getUint16(start);
  const weight = source.words.getInt16(start + 2);
  if (count <= FEW_DIGITS) {
    let digits = 0;
    for (let place = 0; place < count; place++)
      digits = digits * 10_000 + digitAt(source, start, count, place);
    const power = weight - count + 1;
    const factor = EXACT_POWERS[Math.abs(power)];
    // Both are doubles without an error, so one operation on them rounds to the nearest, as reading the text does.
    if (digits <= Number.MAX_SAFE_INTEGER && factor !== undefined) {
      const value = power < 0 ? digits / factor : digits * factor;
      return isNegative(source, start) ? -value : value;
    }
  }
  const text = memory(numericRoom(source, start));
  const end = writeNumeric(source, start, text, 0);
  return Number(Buffer.from(text.bytes.buffer, 0, end).toString('latin1'));
}

/** More never fit into the 53 bits of a double. */
const FEW_DIGITS = 4;
/** Of 10000; up to 10^22 a power of ten is a double without an error. */
const EXACT_POWERS = [1, 1e4, 1e8, 1e12, 1e16, 1e20];

/** Zero before the first of them and behind the last. */
function digitAt(source: Memory, start: number, count: number, place: number): number {
  return place >= 0 && place < count ? source.words.getUint16(start + HEADER_LENGTH + 2 * place) : 0;
}

function isNegative(source: Memory, start: number): boolean {
  const sign = source.words.getUint16(start + 4);
  if (sign !== 0 && sign !== NEGATIVE) throw new Error('a number that is not finite');
  return sign === NEGATIVE;
}
