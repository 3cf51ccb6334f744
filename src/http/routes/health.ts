import type { FastifyInstance } from 'fastify';
import type { StatusSource } from '../deps.js';
import { OPEN } from '../plugins/openapi.js';
import { answer } from '../schemas/problem.js';

interface HealthDeps {
  readonly version: string;
  readonly status: StatusSource;
}

export function healthRoutes(scope: FastifyInstance, { version, status }: HealthDeps): void {
  scope.get(
    '/livez',
    {
      config: { quiet: true },
      schema: {
        tags: ['health'],
        security: OPEN,
        operationId: 'getLiveness',
        summary: 'Whether the process runs',
        response: {
          200: answer('Live', 'It runs.'),
        },
      },
    },
    () => ({ status: 'ok', version }),
  );

  scope.get(
    '/readyz',
    {
      config: { quiet: true },
      schema: {
        tags: ['health'],
        security: OPEN,
        operationId: 'getReadiness',
        summary: 'Whether events can be taken durably',
        description: 'PostgreSQL does not decide: while it is away, events wait on the spool.',
        response: {
          200: answer('Readiness', 'They can.'),
          503: answer('Readiness', 'They cannot; the checks tell why.'),
        },
      },
    },
    (_request, reply) => {
      const readiness = status.readiness();
      return reply.code(readiness.ready ? 200 : 503).send(readiness);
    },
  );
}
