import { Type } from 'typebox';
import { bodyMayBeEmpty } from '../../document/finish.js';
import type { HeaderName } from '../../document/headers.js';
import { SPOOLING, problems } from '../../document/problems.js';
import { needs } from '../../plugins/openapi.js';
import { CallPath, IngestHeaders, WaitQuery } from '../../schemas/ingest.js';
import { answer } from '../../schemas/problem.js';

const common = {
  tags: ['events'],
  security: needs('ingest'),
  headers: IngestHeaders,
  querystring: WaitQuery,
};

const NOTES = {
  400: 'The event cannot be read, or a field of it is wrong by itself.',
  422: 'Fields contradict each other, or the clock.',
  503: 'Nothing was acknowledged: send it again.',
};
const refusals = problems(['invalid_event', 'inconsistent_event', ...SPOOLING], NOTES);
const refusalsWithBody = problems(['empty_body', 'invalid_event', 'inconsistent_event', ...SPOOLING], NOTES);

function answers(acknowledged: string, settled: string, ...headers: HeaderName[]): object {
  return {
    202: answer(acknowledged, 'Synced to disk.', ...headers),
    200: answer(settled, 'With ?wait=stored: committed by PostgreSQL, and what became of it.', ...headers),
  };
}

const body = (schema: string): object => ({
  content: { 'application/json': { schema: Type.Unsafe({ $ref: `${schema}#` }) } },
});

export const callSchema = {
  ...common,
  operationId: 'sendCall',
  summary: 'Log a call',
  description: 'Sending the same call again changes nothing. The Location header tells where it will be.',
  body: body('Call'),
  ...refusalsWithBody,
  response: answers('AcceptedCall', 'SettledCall', 'Location'),
};

export const clickSchema = {
  ...common,
  operationId: 'sendClick',
  summary: 'Log a click on a call',
  description: 'The body may be empty. The call may arrive later.',
  params: CallPath,
  ...bodyMayBeEmpty,
  body: body('Click'),
  ...refusals,
  response: answers('AcceptedEvent', 'SettledEvent'),
};

export const resultSchema = {
  ...common,
  operationId: 'sendResult',
  summary: 'Log the result of a call',
  description: 'The call may arrive later. Of each part, settlement and closing, the latest counts.',
  params: CallPath,
  body: body('Result'),
  ...refusalsWithBody,
  response: answers('AcceptedEvent', 'SettledEvent'),
};
