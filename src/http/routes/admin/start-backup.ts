import type { FastifyInstance } from 'fastify';
import type { UpkeepDesk } from '../../deps-upkeep.js';
import { Problem, toProblem } from '../../errors.js';
import { security } from '../../plugins/openapi.js';
import { StartBackupQuery } from '../../schemas/backups.js';
import { answer, problemResponses } from '../../schemas/problem.js';

export function startBackupRoute(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.post<{ Querystring: StartBackupQuery }>(
    '/v1/admin/backups',
    {
      schema: {
        tags: ['admin'],
        security,
        summary: 'Make a backup',
        description: 'Of one moment of the database, beside ingest. Who stops waiting does not stop it.',
        querystring: StartBackupQuery,
        response: {
          202: answer('Backup', 'It is under way; Location tells where to look.'),
          201: answer('Backup', 'It is complete; only with wait=true.'),
          ...problemResponses(
            '409: a backup is running. 400, 401, 403.',
            '500: it failed, and GET /v1/admin/backups/{id} tells why; only with wait=true. 503: the database cannot be reached.',
          ),
        },
      },
    },
    async ({ query }, reply) => {
      const { id, finished } = await upkeep.startBackup();
      reply.header('location', `/v1/admin/backups/${id}`);
      if (query.wait === true) return reply.code(201).send(await finished.catch(tellFailure(id)));
      // Nobody waits for it; the catalogue tells how it ended.
      finished.catch(() => undefined);
      return reply.code(202).send(await upkeep.backup(id));
    },
  );
}

function tellFailure(id: string): (error: unknown) => never {
  return (error) => {
    const problem = toProblem(error);
    if (problem.status === 503) throw problem;
    throw new Problem('backup_failed', {
      detail: `The backup failed; GET /v1/admin/backups/${id} tells why.`,
      cause: error,
    });
  };
}
