import type { FastifyInstance } from 'fastify';
import type { CallReader } from '../../deps.js';
import { Problem } from '../../errors.js';
import { security } from '../../plugins/openapi.js';
import { CallPath } from '../../schemas/ingest.js';
import { NoQuery, answer, problemResponses } from '../../schemas/problem.js';
import { checkPathId } from '../path-id.js';

export function getCallRoute(scope: FastifyInstance, calls: CallReader): void {
  scope.get<{ Params: CallPath }>(
    '/v1/calls/:call_id',
    {
      schema: {
        tags: ['calls'],
        security,
        summary: 'One call with all that came of it',
        params: CallPath,
        querystring: NoQuery,
        response: {
          200: answer('StoredCall', 'The call as stored.'),
          ...problemResponses(
            '404: not stored, or not yet (events are acknowledged before they are stored). 400, 401, 403.',
            '503: the database cannot be reached.',
          ),
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
