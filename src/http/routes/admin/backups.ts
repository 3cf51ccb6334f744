import type { FastifyInstance } from 'fastify';
import { problems } from '../../document/problems.js';
import type { UpkeepDesk } from '../../deps-upkeep.js';
import { needs } from '../../plugins/openapi.js';
import { type Backup, BackupPath, BackupsQuery } from '../../schemas/backups.js';
import { NoQuery, answer } from '../../schemas/problem.js';
import { backupNotComplete, backupNotFound, checkBackupId, isBackupId } from './backup-path.js';
import { readPage } from './page.js';

const list = {
  name: 'backups',
  isId: isBackupId,
  placeOf: ({ created_at, id }: Backup) => ({ time: created_at, id }),
};

export function backupsRoutes(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.get<{ Querystring: BackupsQuery }>(
    '/v1/admin/backups',
    {
      schema: {
        tags: ['admin'],
        security: needs('admin'),
        operationId: 'listBackups',
        summary: 'The backups of this service',
        querystring: BackupsQuery,
        ...problems(['invalid_cursor']),
        response: {
          200: answer('BackupList', 'One page, the newest first.'),
        },
      },
    },
    ({ query }) =>
      readPage(list, query, async (limit, after) => {
        const all = await upkeep.backups();
        return all.filter(({ id }) => after === undefined || id < after.id).slice(0, limit);
      }),
  );

  scope.get<{ Params: BackupPath }>(
    '/v1/admin/backups/:id',
    {
      schema: {
        tags: ['admin'],
        security: needs('admin'),
        operationId: 'getBackup',
        summary: 'One backup',
        params: BackupPath,
        querystring: NoQuery,
        ...problems(['backup_not_found']),
        response: {
          200: answer('Backup', 'The backup, complete or not.'),
        },
      },
    },
    async ({ params }) => {
      const backup = await upkeep.backup(checkBackupId(params.id));
      if (backup === null) throw backupNotFound();
      return backup;
    },
  );

  scope.delete<{ Params: BackupPath }>(
    '/v1/admin/backups/:id',
    {
      schema: {
        tags: ['admin'],
        security: needs('admin'),
        operationId: 'deleteBackup',
        summary: 'Delete a backup',
        description: 'Any one that has a file, also the last.',
        params: BackupPath,
        querystring: NoQuery,
        ...problems(['backup_not_found', 'backup_not_complete', 'backup_in_use']),
        response: {
          204: { description: 'It is gone.', type: 'null' },
        },
      },
    },
    async ({ params }, reply) => {
      const id = checkBackupId(params.id);
      if (await upkeep.removeBackup(id)) return reply.code(204).send();
      throw (await upkeep.backup(id)) === null ? backupNotFound() : backupNotComplete();
    },
  );
}
