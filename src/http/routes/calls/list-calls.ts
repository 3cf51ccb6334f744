import type { FastifyInstance } from 'fastify';
import type { CallPosition } from '../../../store/read/calls.js';
import type { CallFilters } from '../../../store/read/filters.js';
import type { CallReader, CallRow } from '../../deps.js';
import { type Mistake, Problem } from '../../errors.js';
import { CALLS_PER_PAGE, CALLS_PER_READ, PAGE_BYTES } from '../../limits.js';
import { security } from '../../plugins/openapi.js';
import { readCallFilters } from '../../query/call-filters.js';
import { queryMistake, refuseMistakes } from '../../query/mistakes.js';
import { CallListQuery } from '../../schemas/call-list.js';
import { answer, problemResponses } from '../../schemas/problem.js';
import { cursorOf, positionOf } from './cursor.js';

export function listCallsRoute(scope: FastifyInstance, calls: CallReader): void {
  scope.get<{ Querystring: CallListQuery }>(
    '/v1/calls',
    {
      schema: {
        tags: ['calls'],
        security,
        summary: 'Calls, the newest first',
        description:
          "Every filter that is given has to hold. Pages are stable while calls arrive: none is shown twice or passed over because of it. The history of a call's results is told by GET /v1/calls/{call_id}.",
        querystring: CallListQuery,
        response: {
          200: answer('CallList', 'One page.'),
          ...problemResponses(
            '400: a parameter or value that is not known, or a damaged cursor. 401, 403.',
            '503: the database cannot be reached, or the question took too long.',
          ),
        },
      },
    },
    async ({ query }) => {
      const mistakes: Mistake[] = [];
      const filters = readCallFilters(query, mistakes);
      refuseMistakes(mistakes);
      const after = query.cursor === undefined ? undefined : readCursor(query.cursor);
      const { page, isLast } = await readPage(calls, filters, after, query.limit ?? CALLS_PER_PAGE);
      const last = page.at(-1);
      return { calls: page, next_cursor: isLast || last === undefined ? null : cursorOf(last) };
    },
  );
}

interface Page {
  readonly page: readonly CallRow[];
  readonly isLast: boolean;
}

/** Up to `limit` calls, and at least one if there is one; fewer when they are large. */
async function readPage(
  calls: CallReader,
  filters: CallFilters,
  after: CallPosition | undefined,
  limit: number,
): Promise<Page> {
  const page: CallRow[] = [];
  let bytes = 0;
  while (bytes <= PAGE_BYTES) {
    // One more than asked for tells whether there is a next page.
    const wanted = Math.min(CALLS_PER_READ, limit + 1 - page.length);
    const found = await calls.calls({ filters, limit: wanted, after: page.at(-1) ?? after });
    page.push(...found);
    if (page.length > limit) return { page: page.slice(0, limit), isLast: false };
    if (found.length < wanted) return { page, isLast: true };
    for (const call of found) bytes += sizeOf(call);
  }
  return { page, isLast: false };
}

/** Bytes of what can be large in a call. */
function sizeOf({ raw, notified_user_ids }: CallRow): number {
  return JSON.stringify([raw, notified_user_ids]).length;
}

/** @throws Problem `invalid_cursor` */
function readCursor(cursor: string): CallPosition {
  const position = positionOf(cursor);
  if (position !== undefined) return position;
  const message = 'must be a next_cursor exactly as it was answered';
  throw new Problem('invalid_cursor', {
    detail: `The cursor ${message}.`,
    errors: [queryMistake('cursor', 'invalid_cursor', message)],
  });
}
