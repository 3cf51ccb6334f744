import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { BodyBudget, BodyLease } from '../body/budget.js';
import { NdjsonBody, expectNoBody, readJsonBody } from '../body/reading.js';
import { Problem } from '../errors.js';
import { MAX_JSON_BYTES, MAX_ORDER_BYTES } from '../limits.js';

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * What the body of this request holds of the budget. Given back by the handler as soon as the events are on the
     * spool, and by the error handler in any case.
     */
    bodyLease: BodyLease | null;
  }
}

const CLOUD_EVENTS_TYPES = ['application/cloudevents+json', 'application/cloudevents-batch+json'];
/** One media type by the names that senders give it; the first is the one of the document. */
export const NDJSON_TYPES = [
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/jsonlines',
  'application/x-jsonlines',
];

/** Once, at the root: no body is read except where a scope says how. */
export function prepareBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.decorateRequest('bodyLease', null);
}

/**
 * How routes for events read bodies: `request.body` is a JsonBody with the bytes as received, or null or undefined when
 * empty; where there may be batches, CloudEvents are read like JSON, and it may be an NdjsonBody. The handler has to release `request.bodyLease`.
 */
export function readEventBodies(
  scope: FastifyInstance,
  budget: BodyBudget,
  options: { batches: boolean },
): void {
  const lease = (request: FastifyRequest): BodyLease => (request.bodyLease = budget.lease());
  const jsonTypes = ['application/json', ...(options.batches ? CLOUD_EVENTS_TYPES : [])];
  const expected = options.batches ? [...jsonTypes, ...NDJSON_TYPES] : jsonTypes;
  readEmptyBodies(scope, expected.join(' or '));
  scope.addContentTypeParser(jsonTypes, (request: FastifyRequest, wire: IncomingMessage) => {
    checkCharset(request);
    return readJsonBody(wire, request.headers, lease(request), MAX_JSON_BYTES);
  });
  if (!options.batches) return;
  scope.addContentTypeParser(NDJSON_TYPES, async (request: FastifyRequest, wire: IncomingMessage) => {
    checkCharset(request);
    return new NdjsonBody(wire, request.headers, lease(request));
  });
}

/** How all other routes read bodies, which are small: `request.body` is the value of the JSON; {}, null or undefined when empty. */
export function readJsonBodies(scope: FastifyInstance, budget: BodyBudget): void {
  readEmptyBodies(scope, 'application/json');
  scope.addContentTypeParser('application/json', async (request: FastifyRequest, wire: IncomingMessage) => {
    checkCharset(request);
    request.bodyLease = budget.lease();
    const body = await readJsonBody(wire, request.headers, request.bodyLease, MAX_ORDER_BYTES);
    request.bodyLease.release();
    return body === null ? {} : body.parse();
  });
}

function readEmptyBodies(scope: FastifyInstance, expected: string): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (request: FastifyRequest, wire: IncomingMessage) =>
    expectNoBody(wire, request.headers, expected),
  );
}

function checkCharset(request: FastifyRequest): void {
  const type = request.headers['content-type'];
  if (type === undefined || type === 'application/json') return;
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1]?.toLowerCase();
  if (charset === undefined || charset === 'utf-8' || charset === 'utf8') return;
  throw new Problem('unsupported_media_type', {
    detail: 'Bodies are read as UTF-8 only.',
    errors: [
      { pointer: 'header:content-type', code: 'unsupported_charset', message: 'expected charset=utf-8' },
    ],
  });
}
