import type { ExportQuestion, ExportSubject } from '../../../store/read/export/export.js';
import { utcNow } from '../../clock.js';
import type { Mistake } from '../../errors.js';
import { readCallFilters } from '../../query/call-filters.js';
import { queryMistake, refuseMistakes } from '../../query/mistakes.js';
import { readTime } from '../../query/time.js';
import type { ExportQuery } from '../../schemas/exports.js';

/** @throws Problem `invalid_request` with everything that is wrong */
export function exportQuestion(subject: ExportSubject, query: ExportQuery): ExportQuestion {
  const mistakes: Mistake[] = [];
  const asOf = readTime('as_of', query.as_of, mistakes);
  if (asOf !== undefined && asOf > utcNow())
    mistakes.push(queryMistake('as_of', 'in_future', 'must not be in the future'));
  const filters = readCallFilters(query, mistakes);
  refuseMistakes(mistakes);
  return { subject, format: query.format ?? 'csv', filters, asOf };
}
