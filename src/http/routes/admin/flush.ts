import type { FastifyInstance } from 'fastify';
import { bodyMayBeEmpty } from '../../document/finish.js';
import { problems } from '../../document/problems.js';
import type { Intake } from '../../deps.js';
import { Problem } from '../../errors.js';
import { needs } from '../../plugins/openapi.js';
import { NoQuery, answer } from '../../schemas/problem.js';
import { FLUSH_TIMEOUT_S, FlushBody } from '../../schemas/status.js';

export function flushRoute(scope: FastifyInstance, intake: Intake): void {
  scope.post<{ Body: FlushBody | null | undefined }>(
    '/v1/admin/flush',
    {
      schema: {
        operationId: 'flush',
        tags: ['admin'],
        security: needs('admin'),
        summary: 'Wait until all that is acknowledged is stored',
        description: 'Stored or dead-lettered. The body may be empty.',
        querystring: NoQuery,
        ...bodyMayBeEmpty,
        body: { content: { 'application/json': { schema: FlushBody } } },
        ...problems(['invalid_body', 'flush_timeout'], { 504: 'What was not stored stays on the spool.' }),
        response: {
          200: answer('Flushed', 'All that was acknowledged before is stored or dead-lettered.'),
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
