/**
 * Pages of the lists of the admin routes. A cursor is the place of the last item of a page: base64url of a checksum and
 * of two texts. The checksum covers the name of the list, so that no cursor is taken for one of another list.
 */
import { createHash } from 'node:crypto';
import { parseUtcTime } from '../../../lib/time.js';
import { Problem } from '../../errors.js';
import { ITEMS_PER_PAGE } from '../../limits.js';
import { queryMistake } from '../../query/mistakes.js';

const CHECKSUM_BYTES = 8;
/** Stands in no time and in no id. */
const SEPARATOR = ' ';

/** Where an item stands in a list that is ordered by time, and among items of one time by id. */
export interface Place {
  readonly time: string;
  readonly id: string;
}

export interface Listing {
  /** In the answer. */
  readonly name: string;
  /** What the ids of its items are like. */
  readonly id: RegExp;
}

interface PageQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

/** @throws Problem `invalid_cursor` */
export function readCursor(
  listing: Listing,
  { limit = ITEMS_PER_PAGE, cursor }: PageQuery,
): { readonly limit: number; readonly after: Place | undefined } {
  return { limit, after: cursor === undefined ? undefined : placeOf(listing, cursor) };
}

/** @param next where the page ended; null when nothing comes after it */
export function sealPage(
  { name }: Listing,
  items: readonly unknown[],
  next: Place | null,
): Readonly<Record<string, unknown>> {
  return { [name]: items, next_cursor: next === null ? null : cursorOf(name, next) };
}

/** The page of a list that gives as many items as it is asked for. */
export async function readPage<Item>(
  listing: Listing & { readonly placeOf: (item: Item) => Place },
  query: PageQuery,
  find: (limit: number, after: Place | undefined) => Promise<readonly Item[]>,
): Promise<Readonly<Record<string, unknown>>> {
  const { limit, after } = readCursor(listing, query);
  // One more than asked for tells whether there is a next page.
  const found = await find(limit + 1, after);
  const last = found.length > limit ? found[limit - 1] : undefined;
  return sealPage(listing, found.slice(0, limit), last === undefined ? null : listing.placeOf(last));
}

function cursorOf(name: string, { time, id }: Place): string {
  const text = Buffer.from(time + SEPARATOR + id);
  return Buffer.concat([checksum(name, text), text]).toString('base64url');
}

function placeOf(listing: Listing, cursor: string): Place {
  const bytes = Buffer.from(cursor, 'base64url');
  const text = bytes.subarray(CHECKSUM_BYTES);
  const [time = '', id = ''] = text.toString().split(SEPARATOR);
  // Decoding passes over what is not of the alphabet, and over spare bits at the end.
  const isWhole = bytes.toString('base64url') === cursor;
  const isOurs = checksum(listing.name, text).equals(bytes.subarray(0, CHECKSUM_BYTES));
  if (isWhole && isOurs && parseUtcTime(time) === time && listing.id.test(id)) return { time, id };
  const message = 'must be a next_cursor exactly as it was answered';
  throw new Problem('invalid_cursor', {
    detail: `The cursor ${message}.`,
    errors: [queryMistake('cursor', 'invalid_cursor', message)],
  });
}

function checksum(name: string, text: Buffer): Buffer {
  const hash = createHash('sha256').update(`call-logger cursor of ${name} 1\n`).update(text);
  return hash.digest().subarray(0, CHECKSUM_BYTES);
}
