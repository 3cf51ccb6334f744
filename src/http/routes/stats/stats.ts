import type { FastifyInstance } from 'fastify';
import { READING, problems } from '../../document/problems.js';
import { errorCode } from '../../../lib/errors.js';
import type { StatisticsReader } from '../../deps.js';
import { needs } from '../../plugins/openapi.js';
import { whenClientLeaves } from '../../leaving.js';
import { invalidQuery } from '../../query/mistakes.js';
import { answer } from '../../schemas/problem.js';
import { StatisticsQuery } from '../../schemas/statistics.js';
import { statisticsQuestion, wrongTimeZone } from './question.js';

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
          'Filters choose the calls; each group tells the measures of its calls, and total those of all of them. Groups and total are of one moment.',
        querystring: StatisticsQuery,
        ...problems([...READING]),
        response: {
          200: answer('Statistics', 'The groups, sorted, and the total.'),
        },
      },
    },
    async ({ query }, reply) => {
      const question = statisticsQuestion(query);
      const signal = whenClientLeaves(reply.raw);
      const { groups, groupsFound, total } = await reader
        .statistics(question, signal)
        .catch((error: unknown) => {
          // The door and the database each have a list of time zones, perhaps of different years.
          if (errorCode(error) === 'UNKNOWN_TIME_ZONE')
            throw invalidQuery([wrongTimeZone(question.timeZone)]);
          throw error;
        });
      return { group_by: question.groupBy, groups, groups_found: groupsFound, total };
    },
  );
}
