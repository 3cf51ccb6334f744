import { quoted } from '../../events/describe.js';
import { nearestTimeZone } from '../../lib/nearest-time-zone.js';
import { isTimeZoneName } from '../../lib/time-zone.js';
import type { Mistake } from '../errors.js';
import { queryMistake } from './mistakes.js';

/** The zone of `tz`, UTC when it is absent. */
export function readTimeZone(name = 'UTC', mistakes: Mistake[]): string {
  if (!isTimeZoneName(name)) mistakes.push(wrongTimeZone(name));
  return name;
}

export function wrongTimeZone(name: string): Mistake {
  const meant = nearestTimeZone(name);
  const plus = meant?.includes('+') === true ? ' A + in a URL is read as a space: write %2B.' : '';
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?${plus})`;
  const message = `must be UTC or an IANA time zone of the form Area/Place, such as Europe/Paris, got ${quoted(name)}${hint}`;
  return queryMistake('tz', 'unknown_time_zone', message);
}
