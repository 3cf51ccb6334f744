import { nearestName } from '../lib/nearest-name.js';

/** ` (did you mean sport?)` to go behind a name that is not known, or nothing when none is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const meant = nearestName(name, known);
  return meant === undefined ? '' : ` (did you mean ${meant}?)`;
}
