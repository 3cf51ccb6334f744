import type { StatisticsQuestion } from '../../../store/read/statistics/statistics.js';
import type { Mistake } from '../../errors.js';
import { GROUPS_PER_ANSWER, MAX_DIMENSIONS } from '../../limits.js';
import { readCallFilters } from '../../query/call-filters.js';
import { invalidQuery, queryMistake, refuseMistakes } from '../../query/mistakes.js';
import { readNames, unknownName } from '../../query/names.js';
import { readTimeZone } from '../../query/time-zone.js';
import { DIMENSIONS, MEASURES, type StatisticsQuery } from '../../schemas/statistics.js';

type Sort = StatisticsQuestion['sort'];

/** @throws Problem `invalid_request` with everything that is wrong */
export function statisticsQuestion(query: StatisticsQuery): StatisticsQuestion {
  const mistakes: Mistake[] = [];
  const groupBy = readNames('group_by', query.group_by, DIMENSIONS, mistakes);
  if (groupBy.length > MAX_DIMENSIONS) {
    const message = `may have at most ${MAX_DIMENSIONS} dimensions, has ${groupBy.length}`;
    mistakes.push(queryMistake('group_by', 'too_many', message));
  }
  const measures =
    query.measures === undefined ? MEASURES : readNames('measures', query.measures, MEASURES, mistakes);
  const filters = readCallFilters(query, mistakes);
  const timeZone = readTimeZone(query.tz, mistakes);
  // What it may sort by is known only when the dimensions are right.
  refuseMistakes(mistakes);
  return {
    groupBy,
    measures,
    filters,
    timeZone,
    minCalls: query.min_calls ?? 1,
    sort: readSort(query.sort, groupBy),
    limit: query.limit ?? GROUPS_PER_ANSWER,
  };
}

/** @throws Problem `invalid_request` */
function readSort(text: string | undefined, groupBy: StatisticsQuestion['groupBy']): Sort {
  if (text === undefined) return { by: 'calls', descending: true };
  const known = [...groupBy, ...MEASURES];
  const descending = text.startsWith('-');
  const name = descending ? text.slice(1) : text;
  const by = known.find((candidate) => candidate === name);
  if (by === undefined) throw invalidQuery([unknownName('sort', name, known)]);
  return { by, descending };
}
