import { parseUtcTime, type UtcTime } from '../lib/time.js';

/**
 * PostgreSQL's ISO output (`2025-08-17 12:00:00.5+02`, in any session time zone) as a UtcTime.
 * @throws Error for years outside 1 to 9999, which no event can carry
 */
export function fromPgTimestamp(text: string): UtcTime {
  const offset = /[+-]\d\d$/.test(text) ? `${text}:00` : text;
  const time = parseUtcTime(offset.replace(' ', 'T'));
  if (time === undefined) throw new Error('a timestamp of the database is out of range');
  return time;
}
