import type { FastifyInstance } from 'fastify';
import { READING, problems } from '../../document/problems.js';
import { isId } from '../../../events/identity.js';
import type { CallPosition } from '../../../store/read/calls.js';
import type { CallReader, CallRow } from '../../deps.js';
import { cursorOf, placeOf } from '../../cursor.js';
import type { Mistake } from '../../errors.js';
import { whenClientLeaves } from '../../leaving.js';
import { CALLS_AT_FIRST, CALLS_PER_PAGE, CALLS_PER_READ, PAGE_BYTES } from '../../limits.js';
import { needs } from '../../plugins/openapi.js';
import { readCallFilters } from '../../query/call-filters.js';
import { refuseMistakes } from '../../query/mistakes.js';
import { CallListQuery } from '../../schemas/call-list.js';
import { answer } from '../../schemas/problem.js';

const list = { name: 'calls', isId };

export function listCallsRoute(scope: FastifyInstance, calls: CallReader): void {
  scope.get<{ Querystring: CallListQuery }>(
    '/v1/calls',
    {
      schema: {
        operationId: 'listCalls',
        tags: ['calls'],
        security: needs('read'),
        summary: 'Calls, the newest first',
        description:
          "Every filter that is given has to hold. Pages are stable while calls arrive: none is shown twice or passed over because of it. The history of a call's results is told by GET /v1/calls/{call_id}.",
        querystring: CallListQuery,
        ...problems(['invalid_cursor', ...READING]),
        response: {
          200: answer('CallList', 'One page.'),
        },
      },
    },
    async ({ query }, reply) => {
      const mistakes: Mistake[] = [];
      const filters = readCallFilters(query, mistakes);
      refuseMistakes(mistakes);
      const place = placeOf(list, query.cursor);
      const after = place && { sent_at: place.time, call_id: place.id };
      const signal = whenClientLeaves(reply.raw);
      const find: Find = (limit, behind) => calls.calls({ filters, limit, after: behind }, signal);
      const { page, isLast } = await readPage(find, after, query.limit ?? CALLS_PER_PAGE);
      const last = page.at(-1);
      const isEnd = isLast || last === undefined;
      return {
        calls: page,
        next_cursor: isEnd ? null : cursorOf(list, { time: last.sent_at, id: last.call_id }),
      };
    },
  );
}

type Find = (limit: number, after: CallPosition | undefined) => Promise<readonly CallRow[]>;

interface Page {
  readonly page: readonly CallRow[];
  readonly isLast: boolean;
}

/** Up to `limit` calls, and at least one if there is one; fewer when they are large. */
async function readPage(find: Find, after: CallPosition | undefined, limit: number): Promise<Page> {
  const page: CallRow[] = [];
  let bytes = 0;
  for (;;) {
    // One more than asked for tells whether there is a next page. The first few tell how large such calls are.
    const fitting = page.length === 0 ? CALLS_AT_FIRST : 1 + ((PAGE_BYTES - bytes) * page.length) / bytes;
    const most = Math.max(1, Math.min(CALLS_PER_READ, Math.floor(fitting)));
    const wanted = Math.min(most, limit + 1 - page.length);
    const found = await find(wanted, page.at(-1) ?? after);
    for (const call of found) {
      if (page.length === limit || bytes > PAGE_BYTES) return { page, isLast: false };
      page.push(call);
      bytes += sizeOf(call);
    }
    if (found.length < wanted) return { page, isLast: true };
  }
}

/** Bytes of what can be large in a call. */
function sizeOf({ raw, notified_user_ids }: CallRow): number {
  return JSON.stringify([raw, notified_user_ids]).length;
}
