import { type TSchema, Type } from 'typebox';
import { MAX_ITEMS_PER_PAGE, ITEMS_PER_PAGE } from '../limits.js';

const CURSOR = 'nMqZus7m_HMyMDI2LTExLTIwVDA0OjAwOjAwLjAwMDAwMFoyMDI2MTEyMFQxODE1MDBaLTVmMGM5YTFl';

/** The query parameters of a list in pages. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_ITEMS_PER_PAGE,
      default: ITEMS_PER_PAGE,
      description: 'Items in one answer, at most.',
      examples: [ITEMS_PER_PAGE],
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      description:
        'next_cursor of the page before, with the same filters. Opaque: to be handed back as it is.',
      examples: [CURSOR],
    }),
  ),
};

/** A list under its own name, in pages. */
export function pageOf(id: string, name: string, itemSchemaId: string): TSchema {
  return Type.Object(
    {
      [name]: Type.Array(Type.Unsafe({ $ref: `${itemSchemaId}#` }), { description: 'Newest first.' }),
      next_cursor: Type.Unsafe<string | null>({
        type: ['string', 'null'],
        description: 'Asks for the next page; null when this is the last one.',
        examples: [CURSOR],
      }),
    },
    { $id: id, description: 'A page.' },
  );
}

const time = { format: 'date-time', examples: ['2026-11-20T04:00:00.000000Z'] };
export const Time = (description: string) => Type.String({ description, ...time });
export const TimeOrNull = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description, ...time });
export const TextOrNull = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description });
