import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type HeaderName, headers } from '../../document/headers.js';
import { problems } from '../../document/problems.js';
import type { ByteRange, OpenBackup, UpkeepDesk } from '../../deps-upkeep.js';
import { Problem } from '../../errors.js';
import { needs } from '../../plugins/openapi.js';
import { BackupPath, RangeHeaders } from '../../schemas/backups.js';
import { NoQuery } from '../../schemas/problem.js';
import { backupNotComplete, backupNotFound, checkBackupId } from './backup-path.js';
import { readRange } from './byte-range.js';

const file = { 'application/gzip': { schema: { type: 'string', contentMediaType: 'application/gzip' } } };
const HEADERS_OF_FILE: readonly HeaderName[] = [
  'Accept-Ranges',
  'Cache-Control',
  'Content-Disposition',
  'ETag',
  'X-Backup-Sha256',
];

export function downloadBackupRoute(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.get<{ Params: BackupPath }>(
    '/v1/admin/backups/:id/download',
    {
      schema: {
        operationId: 'downloadBackup',
        tags: ['admin'],
        security: needs('admin'),
        summary: 'The file of a backup',
        description:
          'A SQL script, compressed. Takes a Range of bytes, so that a download can be taken up again; X-Backup-Sha256 is that of the whole file.',
        params: BackupPath,
        headers: RangeHeaders,
        querystring: NoQuery,
        ...problems(['backup_not_found', 'backup_not_complete', 'range_not_satisfiable']),
        response: {
          200: { description: 'The whole file.', ...headers(...HEADERS_OF_FILE), content: file },
          206: {
            description: 'The range that was asked for.',
            ...headers(...HEADERS_OF_FILE, 'Content-Range'),
            content: file,
          },
        },
      },
    },
    async (request, reply) => {
      const id = checkBackupId(request.params.id);
      const backup = await upkeep.openBackup(id);
      if (backup === null) throw (await upkeep.backup(id)) === null ? backupNotFound() : backupNotComplete();

      const range = rangeOf(request, backup);
      if (range === null) throw unsatisfiable(backup.bytes);
      const { first, last } = range ?? { first: 0, last: backup.bytes - 1 };
      // A stream also for HEAD: of anything else the framework takes the size itself. Before the headers of the file,
      // which are not those of a problem, should it be gone.
      const stream = request.method === 'HEAD' ? Readable.from([]) : await backup.read({ first, last });
      reply.code(range === undefined ? 200 : 206).headers({
        'content-type': 'application/gzip',
        'content-disposition': `attachment; filename="${backup.fileName}"`,
        'content-length': last - first + 1,
        'accept-ranges': 'bytes',
        'cache-control': 'private, no-transform',
        etag: etagOf(backup),
        'x-backup-sha256': backup.sha256,
      });
      if (range !== undefined) reply.header('content-range', `bytes ${first}-${last}/${backup.bytes}`);
      return reply.send(stream);
    },
  );
}

/** A range of a file that is another one than the client has a part of would be of no use to it: then it is the whole. */
function rangeOf({ method, headers }: FastifyRequest, backup: OpenBackup): ByteRange | null | undefined {
  const condition = headers['if-range'];
  if (method === 'HEAD' || (condition !== undefined && condition !== etagOf(backup))) return undefined;
  return readRange(headers.range, backup.bytes);
}

function etagOf({ sha256 }: OpenBackup): string {
  return `"${sha256}"`;
}

function unsatisfiable(bytes: number): Problem {
  return new Problem('range_not_satisfiable', {
    detail: `The file has ${bytes} bytes.`,
    headers: { 'content-range': `bytes */${bytes}` },
  });
}
