/**
 * What was sent, in one spelling: the text that the fingerprint is made of.
 *
 * Two requests say the same when these texts are equal: names sorted, fields that are null or blank left out, times in UTC to
 * the microsecond, numbers as the doubles they are; `type` and the ids always inside, wherever they were written (body,
 * path, Idempotency-Key). An id made by us is inside as well, so that a sender who repeats an event with the id we
 * answered repeats it exactly. Defaults are not: they differ between two deliveries of one event.
 */
import { hash } from 'node:crypto';
import { canonicalJson } from '../lib/json-canonical.js';
import type { JsonProblem } from '../lib/json-canonical.js';
import { jsonPointer } from '../lib/json-pointer.js';
import { quoteJson, quoteStorable } from '../lib/json-value.js';
import type { JsonObject } from '../lib/json-value.js';
import { isCalendarDate, parseUtcTime } from '../lib/time.js';
import type { UtcTime } from '../lib/time.js';
import { describe } from './describe.js';
import { MAX_NOTIFIED_USERS, MAX_RAW_BYTES, MAX_RAW_DEPTH } from './fields.js';
import type { EventIdentity } from './identity.js';
import type { Field, Kind } from './kinds.js';
import type { ProblemList } from './problem-list.js';

export interface Sent {
  readonly canonical: string;
  /** The times of the event by field, in UTC. */
  readonly times: ReadonlyMap<string, UtcTime>;
}

const RAW_LIMITS = { maxDepth: MAX_RAW_DEPTH, maxBytes: MAX_RAW_BYTES };

/**
 * Reads every field, and adds what a schema cannot see: times, dates, characters that no database holds, users named
 * twice, the limits of `raw`. With problems found (here or before) the canonical text means nothing.
 */
export function readSent(
  kind: Kind<unknown>,
  body: JsonObject,
  identity: EventIdentity,
  problems: ProblemList,
): Sent {
  const times = new Map<string, UtcTime>();
  let canonical = '';
  for (const field of kind.fields) {
    const text = readField(field, body[field.name], identity, times, problems);
    if (text !== undefined) canonical += (canonical === '' ? field.firstLabel : field.label) + text;
  }
  return { canonical: `${canonical}}`, times };
}

/** SHA-256 of the canonical text in 64 hexadecimal digits, which are cheaper to make than a buffer of 32 bytes. */
export function fingerprintOf(canonical: string): string {
  return hash('sha256', canonical, 'hex');
}

function readField(
  field: Field,
  value: unknown,
  identity: EventIdentity,
  times: Map<string, UtcTime>,
  problems: ProblemList,
): string | undefined {
  if (field.form === 'type') return quoteJson(identity.type);
  if (field.form === 'id') return quoteJson(field.name === 'call_id' ? identity.callId : identity.eventId);
  if (value === undefined || value === null || problems.has(field.pointer)) return undefined;
  switch (typeof value) {
    case 'number':
      return String(value);
    case 'string':
      if (field.form === 'time') return readTime(field, value, times, problems);
      return field.form === 'date'
        ? readDate(field, value, problems)
        : readText(field.pointer, value, problems);
    default:
      return field.form === 'object' ? readRaw(field, value, problems) : readUsers(field, value, problems);
  }
}

function readTime(
  field: Field,
  value: string,
  times: Map<string, UtcTime>,
  problems: ProblemList,
): string | undefined {
  const time = parseUtcTime(value);
  if (time === undefined) {
    const rule =
      'must be an RFC 3339 time with offset and at most microseconds, like "2025-08-17T10:00:00.123456Z"';
    problems.add(field.pointer, 'invalid_time', `${field.name} ${rule}, got ${describe(value)}`);
    return undefined;
  }
  times.set(field.name, time);
  return `"${time}"`;
}

function readDate(field: Field, value: string, problems: ProblemList): string | undefined {
  if (isCalendarDate(value)) return `"${value}"`;
  const rule = 'must be a day of the calendar, like "2025-08-17"';
  problems.add(field.pointer, 'invalid_date', `${field.name} ${rule}, got ${describe(value)}`);
  return undefined;
}

function readText(pointer: string, value: string, problems: ProblemList): string | undefined {
  const quoted = quoteStorable(value);
  if (quoted !== undefined) return quoted;
  problems.add(pointer, 'invalid_character', RAW_RULES.invalid_character);
  return undefined;
}

function readUsers(field: Field, value: unknown, problems: ProblemList): string | undefined {
  if (!Array.isArray(value) || value.length > MAX_NOTIFIED_USERS) return undefined;
  const users: readonly unknown[] = value;
  const seen = new Set<string>();
  let text = '';
  for (const [index, user] of users.entries()) {
    if (typeof user !== 'string') return undefined;
    const pointer = `${field.pointer}/${index}`;
    if (seen.has(user) && !problems.has(pointer))
      problems.add(pointer, 'duplicate_item', `${describe(user)} is in ${field.name} twice`);
    seen.add(user);
    const written = readText(pointer, user, problems);
    text += index === 0 ? `${written}` : `,${written}`;
  }
  return `[${text}]`;
}

function readRaw(field: Field, value: unknown, problems: ProblemList): string | undefined {
  const result = canonicalJson(value, RAW_LIMITS);
  if (result.ok) return result.text;
  problems.add(jsonPointer(field.name, ...result.path), result.problem, RAW_RULES[result.problem]);
  return undefined;
}

const RAW_RULES: Readonly<Record<JsonProblem, string>> = {
  too_deep: `raw must be nested at most ${MAX_RAW_DEPTH} levels deep`,
  too_large: `raw must be at most ${MAX_RAW_BYTES} bytes of JSON`,
  not_finite: 'numbers must be finite; this one is beyond ±1.8e308',
  invalid_character: 'text and names must not hold U+0000 or half of a surrogate pair',
  wrong_type: 'must be a JSON value',
};
