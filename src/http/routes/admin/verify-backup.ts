import type { FastifyInstance } from 'fastify';
import type { UpkeepDesk } from '../../deps-upkeep.js';
import { Problem } from '../../errors.js';
import { security } from '../../plugins/openapi.js';
import { BackupPath } from '../../schemas/backups.js';
import { NoQuery, answer, problemResponses } from '../../schemas/problem.js';
import { backupNotComplete, backupNotFound, checkBackupId } from './backup-path.js';

export function verifyBackupRoute(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.post<{ Params: BackupPath }>(
    '/v1/admin/backups/:id/verify',
    {
      schema: {
        tags: ['admin'],
        security,
        summary: 'Prove a backup by restoring it',
        description:
          'Into a scratch database, which is compared with what was backed up and dropped. Who stops waiting does not stop it.',
        params: BackupPath,
        querystring: NoQuery,
        response: {
          200: answer('Verification', 'What was found; ok tells whether the backup is good.'),
          ...problemResponses(
            '404. 409: it is not complete, another verification is running, or there is no scratch database (see VERIFY_DATABASE_URL). 400, 401, 403.',
            '503: the database cannot be reached.',
          ),
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
