import { type TSchema, Type } from 'typebox';
import { type HeaderName, headers } from '../document/headers.js';
import { problemType } from '../errors.js';

const MistakeSchema = Type.Object(
  {
    pointer: Type.String({
      description:
        "JSON pointer (RFC 6901) to the field, '' being the whole body or event; outside the body query:NAME, header:NAME or path:NAME.",
      examples: ['/odds_a'],
    }),
    code: Type.String({ description: 'Stable; clients may branch on it.', examples: ['required'] }),
    message: Type.String({ description: 'What was expected and what came.', examples: ['is required'] }),
  },
  { $id: 'Mistake', description: 'One mistake, and where it is.' },
);

const ProblemSchema = Type.Object(
  {
    type: Type.String({
      description:
        'Names the kind of problem: urn:call-logger:problem:CODE. Codes are stable, clients may branch on them.',
      examples: [problemType('invalid_event')],
    }),
    title: Type.String({
      description: 'The kind of problem in words.',
      examples: ['The event is not valid'],
    }),
    status: Type.Integer({ description: 'As in the status line.', examples: [400] }),
    detail: Type.String({ description: 'What was wrong this time.', examples: ['/odds_a: is required'] }),
    request_id: Type.String({
      description: 'Also in the x-request-id header and in our log.',
      examples: ['9f2c41d07ae3-1k'],
    }),
    errors: Type.Array(Type.Unsafe({ $ref: 'Mistake#' }), {
      description: 'Every mistake with its place; empty when there is no place to point to.',
    }),
  },
  { $id: 'Problem', description: 'Any answer that is not a success (RFC 9457, application/problem+json).' },
);

/** A success whose body is one of the shared schemas. */
export function answer(schemaId: string, description: string, ...headerNames: HeaderName[]): object {
  return {
    description,
    ...headers(...headerNames),
    content: { 'application/json': { schema: Type.Unsafe({ $ref: `${schemaId}#` }) } },
  };
}

/** For routes without query parameters: a misspelt one is told instead of ignored. */
export const NoQuery = Type.Object({}, { additionalProperties: false });

export const PROBLEM_SCHEMAS: readonly TSchema[] = [MistakeSchema, ProblemSchema];
