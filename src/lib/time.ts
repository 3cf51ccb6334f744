/**
 * Instants to the microsecond, as text.
 *
 * A JavaScript Date ends at milliseconds, so an instant stays text here: the whole seconds may be shifted by an
 * offset, the fraction is only ever copied.
 */

/**
 * RFC 3339 in UTC with exactly six fractional digits, year 0001 to 9999: `2025-08-17T10:00:00.123456Z`.
 * Of equal length for every instant, so comparing the text compares the instants.
 */
export type UtcTime = string;

// RFC 3339 §5.6 without its permission to write a space for the T, and without leap seconds (:60), which no
// database keeps: storing one as the next minute would change what was sent.
const RFC_3339 =
  /^(\d{4}-(\d{2})-(\d{2}))[Tt](([01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,6}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

const MS_PER_MINUTE = 60_000;

/**
 * Reads an RFC 3339 date-time with an offset and at most six fractional digits.
 *
 * @returns the same instant in UTC, or undefined when the text is anything else, is no day of the calendar, or
 *   leaves the years 1 to 9999 once shifted to UTC.
 */
export function parseUtcTime(text: string): UtcTime | undefined {
  return readUtc(text) ?? readAnyOffset(text);
}

/**
 * A time that is written in UTC, as most are: read character by character, because the match of a regular expression
 * costs five times as much. Undefined for every other text.
 */
function readUtc(text: string): UtcTime | undefined {
  const end = text.length - 1;
  const isWritten =
    text[end] === 'Z' &&
    text[10] === 'T' &&
    isCalendarDate(text.slice(0, 10)) &&
    twoDigits(text, 11) <= 23 &&
    text[13] === ':' &&
    twoDigits(text, 14) <= 59 &&
    text[16] === ':' &&
    twoDigits(text, 17) <= 59;
  if (!isWritten) return undefined;
  if (end === 19) return `${text.slice(0, 19)}.000000Z`;
  if (text[19] !== '.' || end < 21 || end > 26) return undefined;
  for (let at = 20; at < end; at++) if (Number.isNaN(digit(text, at))) return undefined;
  return end === 26 ? text : `${text.slice(0, end).padEnd(26, '0')}Z`;
}

function readAnyOffset(text: string): UtcTime | undefined {
  const match = RFC_3339.exec(text);
  if (match === null) return undefined;
  const [, date = '', month = '', day = '', clock = '', , fraction = '', sign, hours = '', minutes = ''] =
    match;
  if (!isDayOfMonth(Number(date.slice(0, 4)), Number(month), Number(day))) return undefined;

  let seconds = `${date}T${clock}`;
  const offsetMinutes = sign === undefined ? 0 : Number(hours) * 60 + Number(minutes);
  if (offsetMinutes !== 0) {
    const ms = Date.parse(`${seconds}Z`) - (sign === '-' ? -offsetMinutes : offsetMinutes) * MS_PER_MINUTE;
    const shifted = new Date(ms).toISOString();
    // Years outside 0 to 9999 are written with a sign and six digits.
    if (!/^\d{4}-/.test(shifted)) return undefined;
    seconds = shifted.slice(0, 19);
  }
  if (seconds.startsWith('0000')) return undefined;
  return `${seconds}.${fraction.padEnd(6, '0')}Z`;
}

/** Whether the text is a day of the calendar as `YYYY-MM-DD`, year 0001 to 9999. */
export function isCalendarDate(text: string): boolean {
  if (text.length !== 10 || text[4] !== '-' || text[7] !== '-') return false;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  return year >= 1 && isDayOfMonth(year, twoDigits(text, 5), twoDigits(text, 8));
}

/** NaN, which is in no range, for anything else. */
function twoDigits(text: string, at: number): number {
  return digit(text, at) * 10 + digit(text, at + 1);
}

function digit(text: string, at: number): number {
  const value = text.charCodeAt(at) - 48;
  return value >= 0 && value <= 9 ? value : NaN;
}

/**
 * @param ms milliseconds since 1970-01-01T00:00:00Z; a fraction of a millisecond is cut off.
 * @throws RangeError outside the years 1 to 9999.
 */
export function utcTimeFromMs(ms: number): UtcTime {
  const text = new Date(ms).toISOString();
  if (!/^\d{4}-/.test(text) || text.startsWith('0000'))
    throw new RangeError(`${text} is outside the years 1 to 9999`);
  return `${text.slice(0, 23)}000Z`;
}

/** Milliseconds since 1970-01-01T00:00:00Z; the microseconds below are cut off. */
export function utcTimeToMs(time: UtcTime): number {
  return Date.parse(`${time.slice(0, 23)}Z`);
}

/**
 * The instant `ms` whole milliseconds later (earlier when negative), its microseconds kept.
 *
 * @throws RangeError outside the years 1 to 9999.
 */
export function addMs(time: UtcTime, ms: number): UtcTime {
  return `${utcTimeFromMs(utcTimeToMs(time) + ms).slice(0, 23)}${time.slice(23)}`;
}

function isDayOfMonth(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month);
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
