import type { FastifyInstance } from 'fastify';
import { READING, problems } from '../../document/problems.js';
import type { CallReader } from '../../deps.js';
import { Problem } from '../../errors.js';
import { needs } from '../../plugins/openapi.js';
import { CallPath } from '../../schemas/ingest.js';
import { NoQuery, answer } from '../../schemas/problem.js';
import { checkPathId } from '../path-id.js';

export function getCallRoute(scope: FastifyInstance, calls: CallReader): void {
  scope.get<{ Params: CallPath }>(
    '/v1/calls/:call_id',
    {
      schema: {
        operationId: 'getCall',
        tags: ['calls'],
        security: needs('read'),
        summary: 'One call with all that came of it',
        params: CallPath,
        querystring: NoQuery,
        ...problems(['call_not_found', ...READING]),
        response: {
          200: answer('StoredCall', 'The call as stored.'),
        },
      },
    },
    async (request) => {
      const callId = checkPathId(request.params.call_id);
      const call = await calls.call(callId);
      if (call === null) {
        throw new Problem('call_not_found', {
          detail: 'No call with this id is stored. If it was sent a moment ago, it may still be on its way.',
        });
      }
      return call;
    },
  );
}
