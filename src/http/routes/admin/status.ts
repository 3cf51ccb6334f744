import type { FastifyInstance } from 'fastify';
import type { StatusSource } from '../../deps.js';
import { needs } from '../../plugins/openapi.js';
import { NoQuery, answer } from '../../schemas/problem.js';

export function statusRoute(scope: FastifyInstance, status: StatusSource): void {
  scope.get(
    '/v1/admin/status',
    {
      schema: {
        operationId: 'getStatus',
        tags: ['admin'],
        security: needs('admin'),
        summary: 'What is on the spool, and what became of the rest',
        querystring: NoQuery,
        response: {
          200: answer('Status', 'All numbers of one moment.'),
        },
      },
    },
    () => status.status(),
  );
}
