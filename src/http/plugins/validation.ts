/**
 * Fastify's own validation changes data without a word (null becomes 0, unknown members vanish). Here nothing is
 * removed, and only query strings and paths, which are text by nature, are converted.
 */
import { AjvCompiler } from '@fastify/ajv-compiler';
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify';
import { jsonPointer } from '../../lib/json-pointer.js';
import { didYouMean } from '../did-you-mean.js';
import { type Mistake, Problem } from '../errors.js';

type Compile = FastifySchemaCompiler<unknown>;
type RoutePart = Parameters<Compile>[0];
type AjvError = NonNullable<ReturnType<typeof fromJson>['errors']>[number];

const MAX_MISTAKES = 20;

const build = AjvCompiler();
const shared = { removeAdditional: false, useDefaults: true, allErrors: true } as const;
const fromJson = build({}, { customOptions: { ...shared, coerceTypes: false } });
// Not strict with numbers, or 1e999 would be converted to Infinity and then be compared with no bounds at all.
const fromText = build({}, { customOptions: { ...shared, coerceTypes: true, strictNumbers: false } });

/** For the root: validates every part that a route has a schema for. */
export function validateRequests(app: FastifyInstance): void {
  app.setValidatorCompiler(compile);
}

/**
 * For scopes whose bodies are events: those are judged by `accept`, which gives one precise error per mistake and
 * keeps what was sent as it is. The body and header schemas of such routes only document.
 */
export function leaveEventsToAccept(scope: FastifyInstance): void {
  scope.setValidatorCompiler((part: RoutePart) =>
    part.httpPart === 'body' || part.httpPart === 'headers' ? () => true : compile(part),
  );
}

function compile({ schema, httpPart }: RoutePart): ReturnType<Compile> {
  const place = placeOf(httpPart);
  const validate = (httpPart === 'body' ? fromJson : fromText)({ schema });
  const known = memberNames(schema);
  const numbers = httpPart === 'querystring' ? known.filter((name) => isNumeric(schema, name)) : [];
  return (data: unknown) => {
    // Before they are converted.
    const undecimal = undecimalNames(data, numbers).map((name) => jsonPointer(name));
    if (validate(data) === true && undecimal.length === 0) return true;
    const repeated =
      httpPart === 'querystring' ? repeatedNames(data, known).map((name) => jsonPointer(name)) : [];
    const told = [...repeated, ...undecimal];
    const errors = [
      ...repeated.map((pointer): Mistake => ({ pointer: place(pointer), ...REPEATED })),
      ...undecimal.map((pointer): Mistake => ({ pointer: place(pointer), ...UNDECIMAL })),
      ...(validate.errors ?? [])
        .filter(({ instancePath }) => !told.includes(instancePath))
        // Before the search for near names: somebody may have sent thousands.
        .slice(0, MAX_MISTAKES)
        .map((error) => mistake(error, place, known)),
    ].slice(0, MAX_MISTAKES);
    const detail = errors.map(
      ({ pointer, message }) => `${pointer === '' ? 'the body' : pointer} ${message}`,
    );
    const code = httpPart === 'body' ? 'invalid_body' : 'invalid_request';
    return { error: new Problem(code, { detail: `${detail.join('; ')}.`, errors }) };
  };
}

/** Turns the pointer into a part of the request into one into the whole request. */
function placeOf(httpPart: string | undefined): (pointer: string) => string {
  if (httpPart === 'body') return (pointer) => pointer;
  const space = httpPart === 'querystring' ? 'query' : 'path';
  return (pointer) => `${space}:${pointer.slice(1)}`;
}

const REPEATED = { code: 'wrong_type', message: 'may be given only once' };

/** A name that is given twice has a list for a value. */
function repeatedNames(query: unknown, known: readonly string[]): string[] {
  if (typeof query !== 'object' || query === null) return [];
  return Object.entries(query)
    .filter(([name, value]) => Array.isArray(value) && known.includes(name))
    .map(([name]) => name);
}

const UNDECIMAL = { code: 'wrong_type', message: 'must be a number in decimal digits' };
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** Conversion takes more for a number than people write as one, such as 0x10 and the empty string. */
function undecimalNames(query: unknown, numbers: readonly string[]): string[] {
  if (numbers.length === 0 || typeof query !== 'object' || query === null) return [];
  return Object.entries(query)
    .filter(([name, value]) => typeof value === 'string' && numbers.includes(name) && !DECIMAL.test(value))
    .map(([name]) => name);
}

function isNumeric(schema: unknown, name: string): boolean {
  const properties =
    typeof schema === 'object' && schema !== null && 'properties' in schema && schema.properties;
  if (typeof properties !== 'object' || properties === null) return false;
  const property: unknown = Reflect.get(properties, name);
  const type = typeof property === 'object' && property !== null && 'type' in property && property.type;
  return type === 'integer' || type === 'number';
}

function mistake(error: AjvError, place: (pointer: string) => string, known: readonly string[]): Mistake {
  const { keyword, instancePath, params, message = 'is not valid' } = error;
  if (keyword === 'additionalProperties') {
    const name = String(params['additionalProperty']);
    return {
      pointer: place(`${instancePath}${jsonPointer(name)}`),
      code: 'unknown_field',
      message: `is not known${didYouMean(name, known)}; known: ${known.join(', ') || 'none'}`,
    };
  }
  if (keyword === 'required') {
    const name = jsonPointer(String(params['missingProperty']));
    return { pointer: place(`${instancePath}${name}`), code: 'required', message: 'is required' };
  }
  const values: unknown = params['allowedValues'];
  const listed = Array.isArray(values) ? `: ${values.join(', ')}` : '';
  return {
    pointer: place(instancePath),
    code: codes[keyword] ?? 'not_allowed',
    message: `${message}${listed}`,
  };
}

const codes: Readonly<Record<string, string>> = {
  type: 'wrong_type',
  enum: 'not_allowed',
  minLength: 'too_short',
  maxLength: 'too_long',
  minimum: 'out_of_range',
  maximum: 'out_of_range',
};

function memberNames(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return [];
  return Object.keys(schema.properties ?? {});
}
