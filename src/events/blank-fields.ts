/**
 * Blank text in the fields of an event. Senders fill what they do not know with `""`: in an optional field that is
 * absent, as null is, and in a field that the event needs it is a mistake. It never becomes a value of its own.
 */
import type { JsonObject } from '../lib/json-value.js';
import { isBlank, VISIBLE_RULE } from './blank.js';
import { describe } from './describe.js';
import type { Kind } from './kinds.js';
import type { ProblemList } from './problem-list.js';

/** The event with null for every blank text in an optional field; itself where there is none. */
export function withoutBlanks(kind: Kind<unknown>, sent: JsonObject): JsonObject {
  let body: Record<string, unknown> | undefined;
  for (const name of kind.optionalTexts) {
    const value = sent[name];
    if (typeof value === 'string' && isBlank(value)) (body ??= { ...sent })[name] = null;
  }
  return body ?? sent;
}

/** Adds the blank texts that a call needs, as it was sent, unless something else is wrong with them already. */
export function addBlankProblems(sent: JsonObject, problems: ProblemList): void {
  const check = (name: string, pointer: string, value: unknown): void => {
    if (typeof value !== 'string' || !isBlank(value) || problems.has(pointer)) return;
    problems.add(pointer, 'blank', `${name} must ${VISIBLE_RULE}, got ${describe(value)}`);
  };
  check('book_a', '/book_a', sent['book_a']);
  const type = sent['call_type'];
  if (type === 'arbitrage' || type === 'middle') check('book_b', '/book_b', sent['book_b']);

  const users = sent['notified_user_ids'];
  if (!Array.isArray(users) || problems.has('/notified_user_ids')) return;
  const list: readonly unknown[] = users;
  for (const [index, user] of list.entries())
    check(`entry ${index} of notified_user_ids`, `/notified_user_ids/${index}`, user);
}
