import { Type } from 'typebox';
import { bodyMayBeEmpty, security } from '../../plugins/openapi.js';
import { CallPath, IdempotencyHeader, WaitQuery } from '../../schemas/ingest.js';
import { answer, problemResponses } from '../../schemas/problem.js';

const refusals = problemResponses(
  '400: malformed JSON, or a field that is wrong by itself. 422: fields that contradict each other or the clock. 401, 403, 413, 415.',
  '503 with Retry-After: nothing was acknowledged; send it again.',
);

const common = {
  tags: ['events'],
  security,
  headers: IdempotencyHeader,
  querystring: WaitQuery,
};

function answers(acknowledged: string, settled: string): Record<string, unknown> {
  return {
    202: answer(acknowledged, 'Synced to disk.'),
    200: answer(settled, 'With ?wait=stored: committed by PostgreSQL, and what became of it.'),
    ...refusals,
  };
}

const body = (schema: string): object => ({
  content: { 'application/json': { schema: Type.Unsafe({ $ref: `${schema}#` }) } },
});

export const callSchema = {
  ...common,
  summary: 'Log a call',
  description: 'Sending the same call again changes nothing. The Location header tells where it will be.',
  body: body('Call'),
  response: answers('AcceptedCall', 'SettledCall'),
};

export const clickSchema = {
  ...common,
  summary: 'Log a click on a call',
  description: 'The body may be empty. The call may arrive later.',
  params: CallPath,
  ...bodyMayBeEmpty,
  body: body('Click'),
  response: answers('AcceptedEvent', 'SettledEvent'),
};

export const resultSchema = {
  ...common,
  summary: 'Log the result of a call',
  description: 'The call may arrive later. Of each part, settlement and closing, the latest counts.',
  params: CallPath,
  body: body('Result'),
  response: answers('AcceptedEvent', 'SettledEvent'),
};
