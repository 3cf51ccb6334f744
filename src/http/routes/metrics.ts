import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { MetricsPage } from '../deps.js';
import { OPEN } from '../plugins/openapi.js';

export function metricsRoute(scope: FastifyInstance, metrics: MetricsPage): void {
  scope.get(
    '/metrics',
    {
      config: { quiet: true },
      schema: {
        tags: ['health'],
        security: OPEN,
        operationId: 'getMetrics',
        summary: 'Metrics for Prometheus',
        description: 'In the text format of Prometheus. Answers whether or not PostgreSQL is there.',
        response: {
          200: {
            description: 'What is, and what has happened since the start.',
            content: {
              'text/plain': {
                schema: Type.String({
                  examples: [
                    '# HELP call_logger_ready 1 when events can be taken durably, as in /readyz.\n# TYPE call_logger_ready gauge\ncall_logger_ready 1\n',
                  ],
                }),
              },
            },
          },
        },
      },
    },
    async (_request, reply) => reply.header('content-type', metrics.contentType).send(await metrics.text()),
  );
}
