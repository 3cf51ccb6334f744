/**
 * A cursor is the place of the last item of a page: base64url of a checksum, a time, and an id. The checksum is there for
 * damage, not for secrecy: another place would be as good a one to go on from. It covers the name of the list, so that no
 * cursor is taken for one of another list.
 */
import { createHash } from 'node:crypto';
import { parseUtcTime, type UtcTime } from '../lib/time.js';
import { Problem } from './errors.js';
import { queryMistake } from './query/mistakes.js';

/** Where an item stands in a list that is ordered by time, and among items of one time by id. */
export interface Place {
  readonly time: UtcTime;
  readonly id: string;
}

export interface Listing {
  /** In the answer. */
  readonly name: string;
  /** Whether one of its items can have this id. */
  readonly isId: (id: string) => boolean;
}

const CHECKSUM_BYTES = 8;
const TIME_CHARACTERS = '2025-10-22T05:01:19.000000Z'.length;

export function cursorOf({ name }: Listing, { time, id }: Place): string {
  const text = Buffer.from(time + id);
  return Buffer.concat([checksum(name, text), text]).toString('base64url');
}

/**
 * Where the page is to begin; undefined: at the beginning of the list.
 * @throws Problem `invalid_cursor` for anything that `cursorOf` did not make
 */
export function placeOf(listing: Listing, cursor: string | undefined): Place | undefined {
  if (cursor === undefined) return undefined;
  const bytes = Buffer.from(cursor, 'base64url');
  const text = bytes.subarray(CHECKSUM_BYTES);
  const time = text.toString().slice(0, TIME_CHARACTERS);
  const id = text.toString().slice(TIME_CHARACTERS);
  // Decoding passes over what is not of the alphabet, and over spare bits at the end.
  const isWhole = bytes.toString('base64url') === cursor;
  const isOurs = checksum(listing.name, text).equals(bytes.subarray(0, CHECKSUM_BYTES));
  if (isWhole && isOurs && parseUtcTime(time) === time && listing.isId(id)) return { time, id };
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
