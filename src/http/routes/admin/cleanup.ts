import type { FastifyInstance } from 'fastify';
import type { UpkeepDesk } from '../../deps-upkeep.js';
import { bodyMayBeEmpty, security } from '../../plugins/openapi.js';
import { CleanupBody } from '../../schemas/cleanup.js';
import { NoQuery, answer, problemResponses } from '../../schemas/problem.js';

export function cleanupRoute(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.post<{ Body: CleanupBody | null | undefined }>(
    '/v1/admin/cleanup',
    {
      schema: {
        tags: ['admin'],
        security,
        summary: 'Delete old calls with their clicks and results',
        description:
          'In small batches beside ingest. A dry run counts. The body may be empty. Who stops waiting does not stop it.',
        querystring: NoQuery,
        ...bodyMayBeEmpty,
        body: { content: { 'application/json': { schema: CleanupBody } } },
        response: {
          200: answer('Cleanup', 'What was deleted, or would be.'),
          ...problemResponses(
            '409: a cleanup is running. 422: RETENTION_DAYS is 0, and days_to_keep is not given. 400, 401, 403, 413, 415.',
            '503: the database cannot be reached, or the service is stopping; the next cleanup goes on.',
          ),
        },
      },
    },
    ({ body }) => upkeep.cleanUp({ daysToKeep: body?.days_to_keep, dryRun: body?.dry_run === true }),
  );
}
