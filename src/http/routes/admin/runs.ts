import type { FastifyInstance } from 'fastify';
import { problems } from '../../document/problems.js';
import type { UpkeepDesk } from '../../deps-upkeep.js';
import { needs } from '../../plugins/openapi.js';
import { answer } from '../../schemas/problem.js';
import { type Run, RunsQuery } from '../../schemas/runs.js';
import { readPage } from './page.js';

const list = {
  name: 'runs',
  isId: (id: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id),
  placeOf: ({ started_at, run_id }: Run) => ({ time: started_at, id: run_id }),
};

export function runsRoute(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.get<{ Querystring: RunsQuery }>(
    '/v1/admin/runs',
    {
      schema: {
        operationId: 'listRuns',
        tags: ['admin'],
        security: needs('admin'),
        summary: 'The audit: cleanups, backups, verifications and restores',
        querystring: RunsQuery,
        ...problems(['invalid_cursor', 'store_unavailable', 'stopping']),
        response: {
          200: answer('RunList', 'One page, the newest first.'),
        },
      },
    },
    ({ query }) =>
      readPage(list, query, (limit, after) =>
        upkeep.runs({ limit, task: query.task, after: after && { startedAt: after.time, runId: after.id } }),
      ),
  );
}
