import { type TSchema, Type } from 'typebox';
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
      description: 'Names the kind of problem.',
      examples: [problemType('invalid_event')],
    }),
    title: Type.String({ examples: ['The event is not valid'] }),
    status: Type.Integer({ examples: [400] }),
    detail: Type.String({ examples: ['odds_a is required'] }),
    request_id: Type.String({
      description: 'Also in the x-request-id header and in our log.',
      examples: ['9f2c41d07ae3-1k'],
    }),
    errors: Type.Array(Type.Unsafe({ $ref: 'Mistake#' })),
  },
  { $id: 'Problem', description: 'Any answer that is not a success (RFC 9457, application/problem+json).' },
);

/** The answers every operation can give besides its own. */
export function problemResponses(clientErrors: string, serverErrors: string): Record<'4xx' | '5xx', unknown> {
  const content = { 'application/problem+json': { schema: Type.Unsafe({ $ref: 'Problem#' }) } };
  return {
    '4xx': { description: clientErrors, content },
    '5xx': { description: serverErrors, content },
  };
}

/** A success whose body is one of the shared schemas. */
export function answer(schemaId: string, description: string): object {
  return { description, content: { 'application/json': { schema: Type.Unsafe({ $ref: `${schemaId}#` }) } } };
}

/** For routes without query parameters: a misspelt one is told instead of ignored. */
export const NoQuery = Type.Object({}, { additionalProperties: false });

export const PROBLEM_SCHEMAS: readonly TSchema[] = [MistakeSchema, ProblemSchema];
