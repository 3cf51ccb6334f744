/** The limits of the door, in one place. Sizes are bytes after inflating unless they say otherwise. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Of a JSON body, and of one line of NDJSON. */
export const MAX_JSON_BYTES = MIB;
export const MAX_NDJSON_BYTES = 16 * MIB;
/** Of the JSON body of an admin route, which says a number or two: what can be wrong with it is to be found in no time. */
export const MAX_ORDER_BYTES = 16 * KIB;
export const MAX_EVENTS_PER_REQUEST = 10_000;

/** All bodies in flight together. */
export const MAX_BODY_BYTES_IN_FLIGHT = 64 * MIB;
/** The part of it that only bodies up to `SMALL_BODY_BYTES` may use, so that uploads never lock single events out. */
export const BODY_BYTES_FOR_SMALL = 16 * MIB;
export const SMALL_BODY_BYTES = 64 * KIB;

/** Longest work on one request before the event loop gets its turn. */
export const MAX_TURN_MS = 4;

/** How long `?wait=stored` waits from the sync to disk before the answer is the ordinary 202. */
export const WAIT_STORED_MS = 10_000;

/** Of the lists of the admin routes. */
export const ITEMS_PER_PAGE = 100;
export const MAX_ITEMS_PER_PAGE = 1_000;

export const CALLS_PER_PAGE = 100;
export const MAX_CALLS_PER_PAGE = 1_000;
/**
 * A page ends early beyond this, as calls may be a MiB each, and it is written in one go, which holds up everybody else. Of
 * what can be large in them, as JSON.
 */
export const PAGE_BYTES = 4 * MIB;
/** Calls read at a time, so that of large ones not many more than a page needs are ever in memory. */
export const CALLS_AT_FIRST = 16;
export const CALLS_PER_READ = 256;

export const MAX_DIMENSIONS = 3;
export const GROUPS_PER_ANSWER = 1_000;
export const MAX_GROUPS_PER_ANSWER = 10_000;

/** What one limit allows: so many requests in a window that begins with the first of them. */
export interface Rate {
  readonly max: number;
  readonly windowMs: number;
}

/**
 * Of one key on the admin routes: far above what people and their tools need, and low enough that a script gone wild
 * leaves the database to the others.
 */
export const ADMIN_RATE: Rate = { max: 300, windowMs: 10_000 };
/**
 * Of one client address (IPv6: one /64) with missing or unknown keys. A secret of 16 characters is out of reach of any
 * guessing; this keeps a guesser, or a sender with an old key, from filling the log with its errors.
 */
export const FAILED_KEY_RATE: Rate = { max: 200, windowMs: 60_000 };

/** All at once, most of them idle. Far above a fleet of senders, far below what the memory and the descriptors allow. */
export const MAX_CONNECTIONS = 2_048;

/** Answers up to here are not worth compressing. */
export const COMPRESS_ABOVE_BYTES = KIB;
/** Most of what gzip can save, at half the work of its default level. */
export const GZIP_LEVEL = 4;
/** Answers compressed at a time, not counting exports. */
export const MAX_COMPRESSIONS = 4;

/** How long a client may leave an answer unread: until then it holds a connection and what is left of the answer. */
export const STALL_MS = 2 * 60_000;
/** How long a client may leave an export unread: it holds a connection and a snapshot of the database meanwhile. */
export const EXPORT_STALL_MS = 5 * 60_000;
export const MANIFESTS_KEPT = 256;
