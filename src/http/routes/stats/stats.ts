import type { FastifyInstance } from 'fastify';
import { errorCode } from '../../../lib/errors.js';
import type { StatisticsReader } from '../../deps.js';
import { security } from '../../plugins/openapi.js';
import { whenClientLeaves } from '../../leaving.js';
import { invalidQuery } from '../../query/mistakes.js';
import { answer, problemResponses } from '../../schemas/problem.js';
import { StatisticsQuery } from '../../schemas/statistics.js';
import { statisticsQuestion, wrongTimeZone } from './question.js';

export function statisticsRoute(scope: FastifyInstance, reader: StatisticsReader): void {
  scope.get<{ Querystring: StatisticsQuery }>(
    '/v1/stats',
    {
      schema: {
        tags: ['statistics'],
        security,
        summary: 'Sums, averages and medians of groups of calls',
        description:
          'Filters choose the calls; each group tells the measures of its calls, and total those of all of them. Groups and total are of one moment.',
        querystring: StatisticsQuery,
        response: {
          200: answer('Statistics', 'The groups, sorted, and the total.'),
          ...problemResponses(
            '400: a parameter, dimension, measure or value that is not known; the message lists those that are. 401, 403.',
            '503: the database cannot be reached, or the question took too long: narrow it.',
          ),
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
