import type { FastifyInstance } from 'fastify';
import type { UpkeepDesk } from '../../deps-upkeep.js';
import { SPOOLING, problems } from '../../document/problems.js';
import { Problem } from '../../errors.js';
import { needs } from '../../plugins/openapi.js';
import { DeadLetterPath, DeadLettersQuery } from '../../schemas/dead-letters.js';
import { NoQuery, answer } from '../../schemas/problem.js';
import { readPageQuery, sealPage } from './page.js';

const list = { name: 'dead_letters', isId: (id: string) => /^[0-9a-f-]{36}\.\d{1,16}$/.test(id) };

export function deadLettersRoutes(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.get<{ Querystring: DeadLettersQuery }>(
    '/v1/admin/dead-letters',
    {
      schema: {
        tags: ['admin'],
        security: needs('admin'),
        operationId: 'listDeadLetters',
        summary: 'Events that could not be stored, and why',
        description: 'A page may end before its limit when payloads are large.',
        querystring: DeadLettersQuery,
        ...problems(['invalid_cursor', 'store_unavailable', 'stopping']),
        response: {
          200: answer('DeadLetterList', 'One page, the newest first.'),
        },
      },
    },
    async ({ query }) => {
      const { limit, after } = readPageQuery(list, query);
      const { letters, next } = await upkeep.deadLetters({
        limit,
        reason: query.reason,
        after: after && { deadLetteredAt: after.time, id: after.id },
      });
      return sealPage(list, letters, next && { time: next.deadLetteredAt, id: next.id });
    },
  );

  scope.delete<{ Params: DeadLetterPath }>(
    '/v1/admin/dead-letters/:id',
    {
      schema: {
        tags: ['admin'],
        security: needs('admin'),
        operationId: 'deleteDeadLetter',
        summary: 'Delete a dead letter',
        params: DeadLetterPath,
        querystring: NoQuery,
        ...problems(['dead_letter_not_found', 'store_unavailable', 'stopping']),
        response: {
          204: { description: 'It is gone.', type: 'null' },
        },
      },
    },
    async ({ params }, reply) => {
      if (!(await upkeep.removeDeadLetter(params.id))) throw notFound();
      return reply.code(204).send();
    },
  );
}

export function replayRoutes(scope: FastifyInstance, upkeep: UpkeepDesk): void {
  scope.post<{ Params: DeadLetterPath }>(
    '/v1/admin/dead-letters/:id/replay',
    {
      schema: {
        tags: ['admin'],
        security: needs('admin'),
        operationId: 'replayDeadLetter',
        summary: 'Send a dead letter on its way again',
        description: 'It becomes one more accepted event on the spool. If it fails again, it comes back.',
        params: DeadLetterPath,
        querystring: NoQuery,
        ...problems(
          ['dead_letter_not_found', 'not_replayable', 'store_unavailable', 'stopping', ...SPOOLING],
          {
            503: 'It stays a dead letter.',
          },
        ),
        response: {
          202: answer('Replayed', 'It is on the spool, synced to disk.'),
        },
      },
    },
    async ({ params }, reply) => {
      if (!(await upkeep.replayDeadLetter(params.id))) throw notFound();
      return reply.code(202).send({ replayed: 1, refused: 0 });
    },
  );

  scope.post(
    '/v1/admin/dead-letters/replay',
    {
      schema: {
        tags: ['admin'],
        security: needs('admin'),
        operationId: 'replayDeadLetters',
        summary: 'Send all dead letters on their way again',
        description: 'All but those that were replayed before: they are replayed one by one.',
        querystring: NoQuery,
        ...problems(['store_unavailable', 'stopping', ...SPOOLING], {
          503: 'Those not yet replayed stay dead letters.',
        }),
        response: {
          202: answer('Replayed', 'They are on the spool, synced to disk.'),
        },
      },
    },
    async (_request, reply) => {
      const { replayed, refused } = await upkeep.replayDeadLetters();
      return reply.code(202).send({ replayed, refused });
    },
  );
}

function notFound(): Problem {
  return new Problem('dead_letter_not_found', {
    detail: 'There is no dead letter with this id, or not any more.',
  });
}
