import type { FastifyInstance } from 'fastify';
import { type HeaderName, headers } from '../../document/headers.js';
import { READING, problems } from '../../document/problems.js';
import { errorCode } from '../../../lib/errors.js';
import type { StatisticsReader } from '../../deps.js';
import { etagOf, isKnown } from '../../etag.js';
import { needs } from '../../plugins/openapi.js';
import { whenClientLeaves } from '../../leaving.js';
import { invalidQuery } from '../../query/mistakes.js';
import { wrongTimeZone } from '../../query/time-zone.js';
import { answer } from '../../schemas/problem.js';
import { StatisticsHeaders, StatisticsQuery } from '../../schemas/statistics.js';
import { statisticsQuestion } from './question.js';

/** A browser may use an answer again for a moment; a proxy may not, as it does not check keys. */
const CACHE_CONTROL = 'private, max-age=15';
/** What was kept for one key is not for a page that has none. */
const VARY = 'Accept-Encoding, Authorization, X-API-Key';
const HEADERS_OF_ANSWER: readonly HeaderName[] = ['Cache-Control', 'ETag', 'Vary'];

export function statisticsRoute(scope: FastifyInstance, reader: StatisticsReader): void {
  scope.get<{ Querystring: StatisticsQuery }>(
    '/v1/stats',
    {
      schema: {
        operationId: 'getStatistics',
        tags: ['statistics'],
        security: needs('read'),
        summary: 'Sums, averages and medians of groups of calls',
        description:
          'Filters choose the calls; each group tells the measures of its calls, and total those of all of them. Groups and total are of one moment. Two queries run at a time; others wait up to 20 seconds for their turn, then get a 503. A query identical to one that waits or runs shares its answer. With If-None-Match the body comes only if it has changed.',
        headers: StatisticsHeaders,
        querystring: StatisticsQuery,
        ...problems([...READING]),
        response: {
          200: answer('Statistics', 'The groups, sorted, and the total.', ...HEADERS_OF_ANSWER),
          304: { description: 'Not modified.', type: 'null', ...headers(...HEADERS_OF_ANSWER) },
        },
      },
    },
    async (request, reply) => {
      const question = statisticsQuestion(request.query);
      const signal = whenClientLeaves(reply.raw);
      const { groups, groupsFound, total } = await reader
        .statistics(question, signal)
        .catch((error: unknown) => {
          // The door and the database each have a list of time zones, perhaps of different years.
          if (errorCode(error) === 'UNKNOWN_TIME_ZONE')
            throw invalidQuery([wrongTimeZone(question.timeZone)]);
          throw error;
        });
      const answered = { group_by: question.groupBy, groups, groups_found: groupsFound, total };
      const body = JSON.stringify(answered);
      const etag = etagOf(body);
      void reply.headers({ etag, 'cache-control': CACHE_CONTROL, vary: VARY });
      if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send();
      return reply.type('application/json; charset=utf-8').send(body);
    },
  );
}
