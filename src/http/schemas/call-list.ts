import { type Static, type TSchema, Type } from 'typebox';
import { CALLS_PER_PAGE, MAX_CALLS_PER_PAGE } from '../limits.js';
import { callFilters } from './call-filters.js';
import type { CallRow } from './stored-call.js';

const CURSOR = 'nMqZus7m_HMyMDI1LTEwLTIyVDA1OjAxOjE5LjAwMDAwMFpvYS1OSEwtMjAyNTEwMjItY2Q3ZDk4NWYzNA';

export const CallListQuery = Type.Object(
  {
    ...callFilters,
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_CALLS_PER_PAGE,
        default: CALLS_PER_PAGE,
        description: 'Calls in one answer, at most.',
        examples: [100],
      }),
    ),
    cursor: Type.Optional(
      Type.String({
        description:
          'next_cursor of the page before, with the same filters. Opaque: to be handed back as it is.',
        examples: [CURSOR],
      }),
    ),
  },
  { additionalProperties: false },
);
export type CallListQuery = Static<typeof CallListQuery>;

const CallList = Type.Object(
  {
    calls: Type.Array(Type.Unsafe<CallRow>({ $ref: 'CallRow#' }), { description: 'Newest sent_at first.' }),
    next_cursor: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'Asks for the next page; null when this is the last one.',
      examples: [CURSOR],
    }),
  },
  { $id: 'CallList', description: 'A page of calls.' },
);

export const CALL_LIST_SCHEMAS: readonly TSchema[] = [CallList];
