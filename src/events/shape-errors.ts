/** Explains why a body does not have the shape of its event. Runs only when the compiled check has said no. */
import { Errors } from 'typebox/value';
import type { JsonObject } from '../lib/json-value.js';
import { jsonPointer } from '../lib/json-pointer.js';
import { didYouMean } from './aliases.js';
import { VISIBLE_RULE } from './blank.js';
import { describe, quoted } from './describe.js';
import { ID_RULE } from './identity.js';
import type { Field, FieldSchema, Kind } from './kinds.js';
import type { ProblemList } from './problem-list.js';
import type { ProblemCode } from './problems.js';

/** One error per wrong field, then one per unknown field. */
export function addShapeErrors(kind: Kind<unknown>, body: JsonObject, problems: ProblemList): void {
  for (const field of kind.fields) {
    const value = body[field.name];
    if (value !== undefined && value !== null) addFieldError(field, value, problems);
    else if (field.required) {
      problems.add(
        field.pointer,
        'required',
        `${field.name} is required${value === null ? ', null is not enough' : ''}`,
      );
    }
  }
  const names = Object.keys(body);
  for (const [index, name] of names.entries()) {
    if (kind.names.includes(name)) continue;
    if (problems.isFull) {
      problems.addUnlisted(names.slice(index).filter((rest) => !kind.names.includes(rest)).length);
      return;
    }
    problems.add(jsonPointer(name), 'unknown_field', unknownField(kind, name));
  }
}

function unknownField(kind: Kind<unknown>, name: string): string {
  const meant = didYouMean(kind.type, name, kind.names);
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
  const raw = kind.type === 'call' ? 'raw' : 'raw of the call';
  return `a ${kind.type} has no field ${quoted(name)}${hint}; put sender-specific data under ${raw}`;
}

function addFieldError(field: Field, value: unknown, problems: ProblemList): void {
  const { maxItems, items } = field.schema;
  if (!Array.isArray(value) || maxItems === undefined || items === undefined) {
    addValueError(field.name, field.pointer, field.schema, value, problems);
    return;
  }
  if (value.length > maxItems) {
    const message = `${field.name} must have at most ${maxItems} entries, got ${value.length}`;
    problems.add(field.pointer, 'too_many', message);
    return;
  }
  // The first wrong entry stands for the others: a list of numbers is one mistake.
  const list: readonly unknown[] = value;
  for (const [index, item] of list.entries()) {
    if (addValueError(`entry ${index} of ${field.name}`, `${field.pointer}/${index}`, items, item, problems))
      return;
  }
}

/** Adds the first thing that is wrong with a value, and tells whether there was any. */
function addValueError(
  name: string,
  pointer: string,
  schema: FieldSchema,
  value: unknown,
  problems: ProblemList,
): boolean {
  const [error] = Errors(schema, value);
  if (error === undefined) return false;
  const add = (code: ProblemCode, rule: string) => {
    problems.add(pointer, code, `${name} must be ${rule}, got ${describe(value)}`);
  };
  switch (error.keyword) {
    case 'type':
      if (typeof value === 'number' && !Number.isFinite(value)) add('not_finite', 'a finite number');
      else add('wrong_type', typeRule(error.params.type));
      break;
    case 'enum':
      add('not_allowed', choiceRule(error.params.allowedValues));
      break;
    case 'minLength':
      problems.add(pointer, 'blank', `${name} must ${VISIBLE_RULE}, got ${describe(value)}`);
      break;
    case 'maxLength':
      problems.add(pointer, 'too_long', `${name} must have at most ${error.params.limit} characters`);
      break;
    case 'pattern':
      add('invalid_id', ID_RULE);
      break;
    case 'minimum':
    case 'maximum':
      add('out_of_range', `between ${schema.minimum ?? ''} and ${schema.maximum ?? ''}`);
      break;
    default:
      // Only closing lines have another keyword: `not`.
      add('out_of_range', 'American odds (≤ -100 or ≥ 100) or decimal odds (> 1)');
  }
  return true;
}

const TYPE_RULES: ReadonlyMap<string, string> = new Map([
  ['string', 'a string'],
  ['number', 'a number'],
  ['integer', 'a whole number'],
  ['array', 'a list'],
  ['object', 'an object'],
]);

function typeRule(type: string | readonly string[]): string {
  const rules = [type].flat().map((name) => TYPE_RULES.get(name));
  return rules.filter((rule) => rule !== undefined).join(' or ');
}

function choiceRule(values: readonly unknown[]): string {
  return values
    .filter((value) => value !== null)
    .map((value) => JSON.stringify(value))
    .join(' or ');
}
