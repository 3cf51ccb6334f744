/** Pages of the lists of the admin routes. */
import { cursorOf, type Listing, type Place, placeOf } from '../../cursor.js';
import { ITEMS_PER_PAGE } from '../../limits.js';

interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

/** @throws Problem `invalid_cursor` */
export function readPageQuery(
  listing: Listing,
  { limit = ITEMS_PER_PAGE, cursor }: PageQuery,
): { readonly limit: number; readonly after: Place | undefined } {
  return { limit, after: placeOf(listing, cursor) };
}

/** @param next where the page ended; null when nothing comes after it */
export function sealPage(
  listing: Listing,
  items: readonly unknown[],
  next: Place | null,
): Readonly<Record<string, unknown>> {
  return { [listing.name]: items, next_cursor: next === null ? null : cursorOf(listing, next) };
}

/** The page of a list that gives as many items as it is asked for. */
export async function readPage<Item>(
  listing: Listing & { readonly placeOf: (item: Item) => Place },
  query: PageQuery,
  find: (limit: number, after: Place | undefined) => Promise<readonly Item[]>,
): Promise<Readonly<Record<string, unknown>>> {
  const { limit, after } = readPageQuery(listing, query);
  // One more than asked for tells whether there is a next page.
  const found = await find(limit + 1, after);
  const last = found.length > limit ? found[limit - 1] : undefined;
  return sealPage(listing, found.slice(0, limit), last === undefined ? null : listing.placeOf(last));
}
