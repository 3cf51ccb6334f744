import { quoted } from '../../events/describe.js';
import { isCalendarDate, parseUtcTime, type UtcTime } from '../../lib/time.js';
import type { Mistake } from '../errors.js';
import { queryMistake } from './mistakes.js';

/** Where an offset has a space for its sign, somebody wrote a plus into a URL. */
const PLUS_GONE = / \d\d:\d\d$/;

/** A time with an offset, or a day, which stands for its midnight in UTC. */
export function readTime(
  parameter: string,
  text: string | undefined,
  mistakes: Mistake[],
): UtcTime | undefined {
  if (text === undefined) return undefined;
  const time = parseUtcTime(isCalendarDate(text) ? `${text}T00:00:00Z` : text);
  if (time === undefined) {
    const hint = PLUS_GONE.test(text) ? '; a + in a URL is read as a space: write %2B' : '';
    const message = `must be a time with an offset, such as 2025-10-22T05:00:00Z, or a day, such as 2025-10-22, got ${quoted(text)}${hint}`;
    mistakes.push(queryMistake(parameter, 'invalid_time', message));
  }
  return time;
}
