/**
 * PostgreSQL's binary `timestamptz`, whole microseconds since 2000-01-01 UTC in 8 bytes, and `date`, whole days since
 * then in 4.
 */
import { DOT, type Memory, writeFourDigits, writeTwoDigits } from './memory.js';

const MICROS_PER_DAY = 86_400_000_000;
const MS_PER_DAY = 86_400_000;
const DAYS_BEFORE_2000 = 10_957;
const MICROS_BEFORE_2000 = 946_684_800_000_000n;

/** RFC 3339 in UTC with six fractional digits: `2025-10-22T05:02:44.024000Z`. */
export const INSTANT_LENGTH = 27;

export function writeInstant(source: Memory, start: number, target: Memory, begin: number): number {
  const [day, microsOfDay] = dayOf(source, start);
  const seconds = Math.floor(microsOfDay / 1_000_000);
  const micros = microsOfDay - seconds * 1_000_000;
  const minutes = (seconds / 60) | 0;
  const hours = (minutes / 60) | 0;
  const { bytes } = target;
  let at = writeDay(day, bytes, begin);
  bytes[at++] = LETTER_T;
  at = writeTwoDigits(hours, target, at);
  bytes[at++] = COLON;
  at = writeTwoDigits(minutes - 60 * hours, target, at);
  bytes[at++] = COLON;
  at = writeTwoDigits(seconds - 60 * minutes, target, at);
  bytes[at++] = DOT;
  const first = (micros / 100) | 0;
  at = writeFourDigits(first, target, at);
  at = writeTwoDigits(micros - 100 * first, target, at);
  bytes[at++] = LETTER_Z;
  return at;
}

export function writeDate(source: Memory, start: number, { bytes }: Memory, at: number): number {
  return writeDay(source.words.getInt32(start), bytes, at);
}

/** Since 1970. */
export function daysOf(source: Memory, start: number): number {
  return source.words.getInt32(start) + DAYS_BEFORE_2000;
}

/** Since 1970. */
export function microsOf(source: Memory, start: number): bigint {
  return source.words.getBigInt64(start) + MICROS_BEFORE_2000;
}

/** The day, and the microseconds of it. */
function dayOf(source: Memory, start: number): [day: number, micros: number] {
  const high = source.words.getInt32(start);
  // Within 285 years of 2000 the whole number is a safe one.
  if (Math.abs(high) < 2 ** 20) {
    const micros = high * 2 ** 32 + source.words.getUint32(start + 4);
    const day = Math.floor(micros / MICROS_PER_DAY);
    return [day, micros - day * MICROS_PER_DAY];
  }
  const micros = source.words.getBigInt64(start);
  const ofDay = ((micros % DAY) + DAY) % DAY;
  return [Number((micros - ofDay) / DAY), Number(ofDay)];
}

const DAY = BigInt(MICROS_PER_DAY);
const LETTER_T = 0x54;
const LETTER_Z = 0x5a;
const COLON = 0x3a;

function writeDay(day: number, target: Uint8Array, at: number): number {
  let text = days.get(day);
  if (text === undefined) {
    const iso = new Date((day + DAYS_BEFORE_2000) * MS_PER_DAY).toISOString();
    // Years outside 0 to 9999 are written with a sign; no event can carry one.
    if (!/^\d{4}-/.test(iso)) throw new Error('a date is out of range');
    text = Buffer.from(iso.slice(0, 10));
    if (days.size >= DAYS_KEPT) days.clear();
    days.set(day, text);
  }
  for (let place = 0; place < 10; place++) target[at + place] = text[place] ?? 0;
  return at + 10;
}

/** Texts of days written lately: an export has few, each many times. */
const days = new Map<number, Buffer>();
const DAYS_KEPT = 5_000;
