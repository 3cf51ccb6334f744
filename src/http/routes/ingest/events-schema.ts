import { Type } from 'typebox';
import { SPOOLING, problems } from '../../document/problems.js';
import { NDJSON_TYPES } from '../../plugins/bodies.js';
import { needs } from '../../plugins/openapi.js';
import { CLOUD_EVENT_HEADERS } from '../../schemas/cloud-event.js';
import { IngestHeaders, WaitQuery } from '../../schemas/ingest.js';
import { answer } from '../../schemas/problem.js';

const event = { $ref: 'Event#' };
const cloudEvent = { $ref: 'CloudEvent#' };

export const eventsSchema = {
  tags: ['events'],
  operationId: 'sendEvents',
  security: needs('ingest'),
  summary: 'Log many events at once',
  description:
    'Up to 10,000 events: one event, an array, {"events": [...]} (JSON of at most 1 MiB), or one per line as NDJSON (at most 16 MiB after inflating, 1 MiB per line; blank lines do not count). Content-Encoding gzip is understood. Wrong events are told and do not hold back the others; the others are taken all or none. Idempotency-Key goes with one event only. CloudEvents 1.0 are taken in structured, batched and binary mode.',
  headers: Type.Object({ ...IngestHeaders.properties, ...CLOUD_EVENT_HEADERS }),
  querystring: WaitQuery,
  body: {
    content: {
      'application/json': {
        schema: Type.Unsafe({
          anyOf: [
            event,
            { type: 'array', items: event, minItems: 1, maxItems: 10_000 },
            {
              type: 'object',
              required: ['events'],
              additionalProperties: false,
              properties: { events: { type: 'array', items: event, minItems: 1, maxItems: 10_000 } },
            },
          ],
        }),
      },
      'application/x-ndjson': {
        schema: Type.Unsafe({
          type: 'string',
          description: `One event per line, each as in a list. The same as ${NDJSON_TYPES.slice(1).join(', ')}.`,
        }),
      },
      'application/cloudevents+json': { schema: Type.Unsafe(cloudEvent) },
      'application/cloudevents-batch+json': {
        schema: Type.Unsafe({ type: 'array', items: cloudEvent, minItems: 1, maxItems: 10_000 }),
      },
    },
  },
  ...problems(['empty_body', 'invalid_body', 'too_many_events', ...SPOOLING], {
    400: 'The body as a whole cannot be read, or holds nothing.',
    503: 'Nothing was acknowledged: send it again.',
  }),
  response: {
    202: answer('BatchAnswer', 'All accepted and synced to disk.'),
    200: answer(
      'BatchAnswer',
      'With ?wait=stored: all accepted and committed by PostgreSQL; statuses tells what became of each.',
    ),
    207: answer(
      'BatchAnswer',
      'Some accepted, and treated as with 202 or 200; errors tells what is wrong with the others.',
    ),
    422: answer('BatchAnswer', 'None accepted; errors tells why.'),
  },
};
