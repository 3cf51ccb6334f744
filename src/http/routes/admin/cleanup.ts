import type { FastifyInstance } from 'fastify';
import { bodyMayBeEmpty } from '../../document/finish.js';
import { problems } from '../../document/problems.js';
import type { UpkeepDesk } from '../../deps-upkeep.js';
import { needs } from '../../plugins/openapi.js';
import { CleanupBody } from '../../schemas/cleanup.js';
import { NoQuery, answer } from '../../schemas/problem.js';

export function cleanupRoute(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.post<{ Body: CleanupBody | null | undefined }>(
    '/v1/admin/cleanup',
    {
      schema: {
        operationId: 'cleanUp',
        tags: ['admin'],
        security: needs('admin'),
        summary: 'Delete old calls with their clicks and results',
        description:
          'Age counts from the later of `sent_at` and `received_at`, so imported history is not old the day it comes. In small batches beside ingest. A dry run counts. The body may be empty. Who stops waiting does not stop it.',
        querystring: NoQuery,
        ...bodyMayBeEmpty,
        body: { content: { 'application/json': { schema: CleanupBody } } },
        ...problems(['invalid_body', 'task_busy', 'no_retention', 'store_unavailable', 'stopping'], {
          503: 'What was not deleted goes with the next cleanup.',
        }),
        response: {
          200: answer('Cleanup', 'What was deleted, or would be.'),
        },
      },
    },
    ({ body }) => upkeep.cleanUp({ daysToKeep: body?.days_to_keep, dryRun: body?.dry_run === true }),
  );
}
