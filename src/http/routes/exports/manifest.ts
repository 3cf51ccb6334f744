import type { FastifyInstance } from 'fastify';
import { problems } from '../../document/problems.js';
import { Problem } from '../../errors.js';
import { MANIFESTS_KEPT } from '../../limits.js';
import { needs } from '../../plugins/openapi.js';
import { ManifestPath } from '../../schemas/exports.js';
import { NoQuery, answer } from '../../schemas/problem.js';
import type { Manifests } from './manifests.js';

export function manifestRoute(scope: FastifyInstance, manifests: Manifests): void {
  scope.get<{ Params: ManifestPath }>(
    '/v1/exports/manifests/:id',
    {
      schema: {
        operationId: 'getExportManifest',
        tags: ['exports'],
        security: needs('read'),
        summary: 'What is in an exported file',
        description: `Rows, columns with their types and meaning, times and checksum. Kept in memory for the last ${MANIFESTS_KEPT} exports, until the service stops: put it beside the file.`,
        params: ManifestPath,
        querystring: NoQuery,
        ...problems(['manifest_not_found']),
        response: {
          200: answer('ExportManifest', 'The manifest as it stands now.'),
        },
      },
    },
    ({ params }) => {
      const manifest = manifests.get(params.id);
      if (manifest !== undefined) return manifest;
      throw new Problem('manifest_not_found', {
        detail: `Manifests are kept for the last ${MANIFESTS_KEPT} exports since the service started; none of them has this id.`,
      });
    },
  );
}
