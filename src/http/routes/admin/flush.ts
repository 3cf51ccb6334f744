import type { FastifyInstance } from 'fastify';
import type { Intake } from '../../deps.js';
import { Problem } from '../../errors.js';
import { bodyMayBeEmpty, security } from '../../plugins/openapi.js';
import { NoQuery, answer, problemResponses } from '../../schemas/problem.js';
import { FLUSH_TIMEOUT_S, FlushBody } from '../../schemas/status.js';

export function flushRoute(scope: FastifyInstance, intake: Intake): void {
  scope.post<{ Body: FlushBody | null | undefined }>(
    '/v1/admin/flush',
    {
      schema: {
        tags: ['admin'],
        security,
        summary: 'Wait until all that is acknowledged is stored',
        description: 'Stored or dead-lettered. The body may be empty.',
        querystring: NoQuery,
        ...bodyMayBeEmpty,
        body: { content: { 'application/json': { schema: FlushBody } } },
        response: {
          200: answer('Flushed', 'All that was acknowledged before is stored or dead-lettered.'),
          ...problemResponses(
            '400, 401, 403, 413, 415.',
            '504: it was not stored in time; it stays on the spool.',
          ),
        },
      },
    },
    async (request) => {
      const timeoutS = request.body?.timeout_s ?? FLUSH_TIMEOUT_S;
      const startedAt = performance.now();
      if (!(await intake.flush(timeoutS * 1000))) {
        const waitedS = ((performance.now() - startedAt) / 1000).toFixed(1);
        throw new Problem('flush_timeout', {
          detail: `After ${waitedS} s there are still acknowledged events to be stored. They stay on the spool.`,
        });
      }
      return { flushed: true, duration_ms: Math.round(performance.now() - startedAt) };
    },
  );
}
