import type { FastifyInstance, FastifyRequest } from 'fastify';
import { utcNow } from '../../clock.js';
import { JsonBody, NdjsonBody } from '../../body/reading.js';
import { Problem, unsupportedMediaType } from '../../errors.js';
import type { Judging } from '../../judging/judging.js';
import type { WaitQuery } from '../../schemas/ingest.js';
import { append, idempotencyKeyOf, type IngestDeps } from './append.js';
import { Batch } from './batch.js';
import { cloudEventsMode, fillFromCloudEvents } from './cloud-events.js';
import { eventsSchema } from './events-schema.js';
import { fillFromJson, fillFromNdjson } from './fill-batch.js';

export function eventsRoute(scope: FastifyInstance, deps: IngestDeps): void {
  scope.post<{ Querystring: WaitQuery }>('/v1/events', { schema: eventsSchema }, async (request, reply) => {
    try {
      const batch = await readBatch(request, deps.judging);
      batch.tell(deps.observer);
      const outcomes = batch.records.length === 0 ? null : await append(deps, request, batch.records);
      return await reply.code(batch.status(outcomes)).send(batch.answer(outcomes));
    } finally {
      request.bodyLease?.release();
    }
  });
}

/** @throws Problem when the body as a whole cannot be read or holds nothing */
async function readBatch(request: FastifyRequest, judging: Judging): Promise<Batch> {
  const batch = new Batch({ receivedAt: utcNow(), source: request.keyName });
  const key = idempotencyKeyOf(request);
  const { body } = request;
  const mode = cloudEventsMode(request.headers);
  if (body instanceof NdjsonBody) {
    if (mode !== null) throw unsupportedMediaType('application/json where ce- headers tell of a CloudEvent');
    await fillFromNdjson(batch, body, judging, key);
  } else if (body instanceof JsonBody) {
    if (mode === null) await fillFromJson(batch, body, key);
    else await fillFromCloudEvents(batch, mode, body, request, key);
  }
  if (batch.size > 0) return batch;
  throw new Problem('empty_body', {
    detail: 'The body holds no event.',
    errors: [{ pointer: '', code: 'empty_body', message: 'expected at least one event' }],
  });
}
