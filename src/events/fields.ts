/**
 * Building blocks of the event schemas: plain JSON Schema that ajv and OpenAPI 3.1 read as it is.
 *
 * A field that may be absent may also be null, which means the same. That is written as `type: [x, 'null']` and not
 * as a union, because a union reports one mistake once per branch.
 */
import { Type } from 'typebox';
import type { Static, TOptional, TSchema, TUnsafe } from 'typebox';
import { ID_PATTERN, ID_RULE } from './identity.js';
import type { EventType } from './identity.js';

/** Unicode characters (code points) in the longest text of a top-level field. */
const MAX_TEXT_CHARACTERS = 256;
/** The largest absolute value of a top-level number. */
const MAX_NUMBER = 1e9;
/** Distinct users in `notified_user_ids`. */
export const MAX_NOTIFIED_USERS = 5_000;
/** Bytes (UTF-8, without white space) and levels of nesting (`raw` itself is the first) of `raw`. */
export const MAX_RAW_BYTES = 32 * 1024;
export const MAX_RAW_DEPTH = 32;

interface Notes {
  description: string;
  examples: unknown[];
}

/** Gives a field its meaning and at least one value as it really occurs. */
function notes(description: string, examples: unknown[]): Notes {
  return { description, examples };
}

export function id(description: string, ...examples: string[]) {
  return Type.String({ pattern: ID_PATTERN, ...notes(description, examples) });
}

export function text(description: string, ...examples: string[]) {
  return Type.String({ maxLength: MAX_TEXT_CHARACTERS, ...notes(description, examples) });
}

/** Text that must hold something visible; a schema can only say that it is not empty. */
export function requiredText(description: string, ...examples: string[]) {
  return Type.String({ minLength: 1, maxLength: MAX_TEXT_CHARACTERS, ...notes(description, examples) });
}

export function choice<Values extends string[]>(values: readonly [...Values], description: string) {
  return Type.Enum(values, { type: 'string', ...notes(description, [...values]) });
}

export function number(description: string, ...examples: number[]) {
  return Type.Number({ minimum: -MAX_NUMBER, maximum: MAX_NUMBER, ...notes(description, examples) });
}

export function count(description: string, ...examples: number[]) {
  return Type.Integer({ minimum: 0, maximum: MAX_NUMBER, ...notes(description, examples) });
}

/** Odds without their format: American are ≤ -100 or ≥ 100, decimal are > 1, so nothing between can be either. */
export function closingLine(description: string, ...examples: number[]) {
  return Type.Number({
    minimum: -MAX_NUMBER,
    maximum: MAX_NUMBER,
    not: { type: 'number', exclusiveMinimum: -100, maximum: 1 },
    ...notes(description, examples),
  });
}

export function time(description: string, ...examples: string[]) {
  return Type.String({ format: 'date-time', ...notes(description, examples) });
}

export function date(description: string, ...examples: string[]) {
  return Type.String({ format: 'date', ...notes(description, examples) });
}

export function userList(description: string, ...examples: string[][]) {
  return Type.Array(Type.String({ minLength: 1, maxLength: MAX_TEXT_CHARACTERS }), {
    maxItems: MAX_NOTIFIED_USERS,
    uniqueItems: true,
    ...notes(description, examples),
  });
}

export function anyObject(description: string, ...examples: Record<string, unknown>[]) {
  return Type.Object({}, { additionalProperties: true, ...notes(description, examples) });
}

/** What `optional` reads of a field to add null to it. */
interface Typed extends TSchema {
  type?: string;
  enum?: (string | number)[];
}

/** The same field, but it may be absent or null. */
export function optional<Field extends Typed>(field: Field): TOptional<TUnsafe<Static<Field> | null>> {
  const values = field.enum === undefined ? {} : { enum: [...field.enum, null] };
  return Type.Optional(
    Type.Unsafe<Static<Field> | null>({ ...field, type: [field.type, 'null'], ...values }),
  );
}

/** `type` where the path tells it already. */
export function impliedType<Name extends EventType>(name: Name) {
  return optional(choice([name], 'Implied by the path; a body may repeat it.'));
}

/** `type` where it is all that tells the events of a batch apart. */
export function statedType<Name extends EventType>(name: Name) {
  return Type.Literal(name, { ...notes('Which of the three kinds of event this is.', [name]) });
}

/** Id of the call that a click or result belongs to. */
export function idOfCall() {
  return id(`Id of the call: ${ID_RULE}.`, 'oa-NHL-20251022-cd7d985f34');
}

/** The event's own id, which may be absent. */
export function ownId(...examples: string[]) {
  return optional(id(`Id of this event; a UUIDv7 is made when absent. It is ${ID_RULE}.`, ...examples));
}

/** What a whole event schema says beside its fields. */
export function event(name: string, description: string, ...examples: Record<string, unknown>[]) {
  const blanks =
    'In an optional field null is the same as absent, and so is blank text (nothing visible), except in ids.';
  return { $id: name, additionalProperties: false, ...notes(`${description} ${blanks}`, examples) };
}
