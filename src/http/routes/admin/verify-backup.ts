import type { FastifyInstance } from 'fastify';
import { problems } from '../../document/problems.js';
import type { UpkeepDesk } from '../../deps-upkeep.js';
import { Problem } from '../../errors.js';
import { needs } from '../../plugins/openapi.js';
import { BackupPath } from '../../schemas/backups.js';
import { NoQuery, answer } from '../../schemas/problem.js';
import { backupNotComplete, backupNotFound, checkBackupId } from './backup-path.js';

export function verifyBackupRoute(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.post<{ Params: BackupPath }>(
    '/v1/admin/backups/:id/verify',
    {
      schema: {
        operationId: 'verifyBackup',
        tags: ['admin'],
        security: needs('admin'),
        summary: 'Prove a backup by restoring it',
        description:
          'Into a scratch database, which is compared with what was backed up and dropped. Who stops waiting does not stop it.',
        params: BackupPath,
        querystring: NoQuery,
        ...problems([
          'backup_not_found',
          'backup_not_complete',
          'task_busy',
          'cannot_verify',
          'disk_full',
          'store_unavailable',
          'stopping',
        ]),
        response: {
          200: answer('Verification', 'What was found; ok tells whether the backup is good.'),
        },
      },
    },
    async ({ params }) => {
      const id = checkBackupId(params.id);
      const verification = await upkeep.verifyBackup(id).catch(tellWhy);
      if (verification !== null) return verification;
      throw (await upkeep.backup(id)) === null ? backupNotFound() : backupNotComplete();
    },
  );
}

/** What verification needs is for the operator to provide, so the words are for them. */
function tellWhy(error: unknown): never {
  if (!(error instanceof Error) || error.name !== 'CannotVerifyError') throw error;
  throw new Problem('cannot_verify', { detail: error.message, cause: error });
}
