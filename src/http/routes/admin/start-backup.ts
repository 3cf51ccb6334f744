import type { FastifyInstance } from 'fastify';
import { problems } from '../../document/problems.js';
import type { UpkeepDesk } from '../../deps-upkeep.js';
import { Problem, toProblem } from '../../errors.js';
import { needs } from '../../plugins/openapi.js';
import { StartBackupQuery } from '../../schemas/backups.js';
import { answer } from '../../schemas/problem.js';

export function startBackupRoute(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.post<{ Querystring: StartBackupQuery }>(
    '/v1/admin/backups',
    {
      schema: {
        operationId: 'startBackup',
        tags: ['admin'],
        security: needs('admin'),
        summary: 'Make a backup',
        description: 'Of one moment of the database, beside ingest. Who stops waiting does not stop it.',
        querystring: StartBackupQuery,
        ...problems(['task_busy', 'backup_failed', 'disk_full', 'store_unavailable', 'stopping'], {
          500: 'With wait=true: GET /v1/admin/backups/{id} tells why it failed.',
        }),
        response: {
          202: answer('Backup', 'It is under way; Location tells where to look.', 'Location'),
          201: answer('Backup', 'It is complete; only with wait=true.', 'Location'),
        },
      },
    },
    async ({ query }, reply) => {
      const { id, finished } = await upkeep.startBackup();
      const location = `/v1/admin/backups/${id}`;
      if (query.wait === true) {
        const backup = await finished.catch(tellFailure(id));
        return reply.code(201).header('location', location).send(backup);
      }
      // Nobody waits for it; the catalogue tells how it ended.
      finished.catch(() => undefined);
      return reply
        .code(202)
        .header('location', location)
        .send(await upkeep.backup(id));
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
