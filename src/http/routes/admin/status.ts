import type { FastifyInstance } from 'fastify';
import type { StatusSource } from '../../deps.js';
import { security } from '../../plugins/openapi.js';
import { NoQuery, answer, problemResponses } from '../../schemas/problem.js';

export function statusRoute(scope: FastifyInstance, status: StatusSource): void {
  scope.get(
    '/v1/admin/status',
    {
      schema: {
        tags: ['admin'],
        security,
        summary: 'What is on the spool, and what became of the rest',
        querystring: NoQuery,
        response: {
          200: answer('Status', 'All numbers of one moment.'),
          ...problemResponses('401, 403.', 'The service is broken.'),
        },
      },
    },
    () => status.status(),
  );
}
