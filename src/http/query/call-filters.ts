import { isBlank, VISIBLE_RULE } from '../../events/blank.js';
import { isStorableText } from '../../lib/json-value.js';
import type { CallFilters } from '../../store/read/filters.js';
import type { Mistake } from '../errors.js';
import type { CallFiltersQuery } from '../schemas/call-filters.js';
import { queryMistake } from './mistakes.js';
import { readTime } from './time.js';

/** The filters of a query whose schema was checked; what is wrong beyond that is added to the mistakes. */
export function readCallFilters(query: CallFiltersQuery, mistakes: Mistake[]): CallFilters {
  const { call_type, sport, league, market, book, team, source, outcome, user_id, min_roi, max_roi } = query;
  const texts = { sport, league, market, book, team, source, user_id };
  for (const [name, text] of Object.entries(texts)) {
    if (text === undefined) continue;
    if (!isStorableText(text))
      mistakes.push(queryMistake(name, 'invalid_character', 'must not contain U+0000'));
    // Blank text is stored as null, so no call could ever match.
    else if (isBlank(text)) mistakes.push(queryMistake(name, 'blank', `must ${VISIBLE_RULE}`));
  }

  const from = readTime('from', query.from, mistakes);
  const to = readTime('to', query.to, mistakes);
  if (from !== undefined && to !== undefined && from >= to) addEmptyRange('from', 'to', mistakes);
  if (min_roi !== undefined && max_roi !== undefined && min_roi >= max_roi)
    addEmptyRange('min_roi', 'max_roi', mistakes);

  return { call_type, ...texts, outcome, min_roi, max_roi, from, to };
}

/** Nothing can be in it, so it is a slip and no question. */
function addEmptyRange(start: string, end: string, mistakes: Mistake[]): void {
  mistakes.push(
    queryMistake(start, 'empty_range', `must be less than ${end}, which is not part of the range`),
    queryMistake(end, 'empty_range', `must be greater than ${start}`),
  );
}
