import type { FastifyInstance } from 'fastify';
import type { StatusSource } from '../deps.js';
import { answer, problemResponses } from '../schemas/problem.js';

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
        summary: 'Whether the process runs',
        response: {
          200: answer('Live', 'It runs.'),
          ...problemResponses('The request is not valid.', 'The service is broken.'),
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
        summary: 'Whether events can be taken durably',
        description: 'PostgreSQL does not decide: while it is away, events wait on the spool.',
        response: {
          200: answer('Readiness', 'They can.'),
          503: answer('Readiness', 'They cannot; the checks tell why.'),
          ...problemResponses('The request is not valid.', 'The service is broken.'),
        },
      },
    },
    (_request, reply) => {
      const readiness = status.readiness();
      return reply.code(readiness.ready ? 200 : 503).send(readiness);
    },
  );
}
