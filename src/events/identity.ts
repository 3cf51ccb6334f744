/** What an event is called: its type and its ids. */
import { isBlank } from './blank.js';

/** Every kind of event, in the order in which documents list them. */
export const EVENT_TYPES = ['call', 'click', 'result'] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Two events with the same identity are the same event, or contradict each other. */
export interface EventIdentity {
  readonly type: EventType;
  readonly callId: string;
  /** The call's own id for a call; the id of the click or result otherwise. */
  readonly eventId: string;
}

/** Unicode characters (code points) in the longest id. */
const MAX_ID_CHARACTERS = 128;

/**
 * The alphabet of ids as a regular expression with the `u` flag: printable characters without `/ ? # % \`.
 * Printable means neither control, format, surrogate, private-use or unassigned (`\p{C}`) nor any kind of space
 * (`\p{Z}`): such an id can stand in a URL path, a log line and a `text` column without a second spelling.
 */
export const ID_PATTERN = `^[^\\p{C}\\p{Z}/?#%\\\\]{1,${MAX_ID_CHARACTERS}}$`;

/** The same in words, after "must be". */
export const ID_RULE = `1 to ${MAX_ID_CHARACTERS} printable characters without spaces and / ? # % \\`;

const ID = new RegExp(ID_PATTERN, 'u');

/**
 * Whether the text can be a `call_id` or `event_id`: of the alphabet, and to be seen, which a few letters and symbols
 * (Hangul fillers, the empty Braille pattern) are not. Ids are compared byte by byte, never normalised.
 */
export function isId(text: string): boolean {
  return ID.test(text) && !isBlank(text);
}

export function isEventType(value: unknown): value is EventType {
  return value === 'call' || value === 'click' || value === 'result';
}
