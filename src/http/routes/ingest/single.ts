/** The three routes that take one event, whose type their path implies. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Verdict } from '../../../events/accept.js';
import type { EventType } from '../../../events/identity.js';
import { utcNow } from '../../clock.js';
import { malformedBody } from '../../body/json.js';
import { JsonBody } from '../../body/reading.js';
import type { DoorObserver, Outcome } from '../../deps.js';
import { firstCode, Problem } from '../../errors.js';
import { judge } from '../../judging/judgement.js';
import type { CallPath, WaitQuery } from '../../schemas/ingest.js';
import { checkPathId } from '../path-id.js';
import { append, idempotencyKeyOf, type IngestDeps } from './append.js';
import { callSchema, clickSchema, resultSchema } from './single-schemas.js';

type Accepted = Extract<Verdict, { ok: true }>;
type CallRequest = FastifyRequest<{ Querystring: WaitQuery }>;
type EventRequest = FastifyRequest<{ Params: CallPath; Querystring: WaitQuery }>;

const NO_BYTES = Buffer.alloc(0);

export function singleEventRoutes(scope: FastifyInstance, deps: IngestDeps): void {
  scope.post<{ Querystring: WaitQuery }>('/v1/calls', { schema: callSchema }, async (request, reply) => {
    const event = judged(deps.observer, request, 'call', undefined);
    const outcome = await setDown(deps, request, event);
    reply.header('location', `/v1/calls/${encodeURIComponent(event.callId)}`);
    return answer(reply, outcome, { call_id: event.callId });
  });

  const postEvent = (type: 'click' | 'result') => async (request: EventRequest, reply: FastifyReply) => {
    const event = judged(deps.observer, request, type, checkPathId(request.params.call_id));
    const outcome = await setDown(deps, request, event);
    return answer(reply, outcome, { event_id: event.eventId, call_id: event.callId });
  };
  scope.post('/v1/calls/:call_id/clicks', { schema: clickSchema }, postEvent('click'));
  scope.post('/v1/calls/:call_id/result', { schema: resultSchema }, postEvent('result'));
}

/** @throws Problem with every mistake of the event */
function judged(
  observer: DoorObserver,
  request: CallRequest,
  type: EventType,
  pathCallId: string | undefined,
): Accepted {
  const { body } = request;
  const bytes = body instanceof JsonBody ? body.bytes : NO_BYTES;
  if (bytes.length === 0 && type !== 'click') {
    throw new Problem('empty_body', {
      detail: `A ${type} has to be in the body, as JSON.`,
      errors: [{ pointer: '', code: 'empty_body', message: `expected a ${type} as JSON` }],
    });
  }
  const idempotencyKey = idempotencyKeyOf(request);
  const verdict = judge({
    bytes,
    type,
    receivedAt: utcNow(),
    source: request.keyName,
    ...(pathCallId === undefined ? undefined : { pathCallId }),
    ...(idempotencyKey === undefined ? undefined : { idempotencyKey }),
  });
  if ('fault' in verdict) throw malformedBody(verdict.fault);
  observer.eventsReceived(request.keyName, 1);
  if (verdict.ok) return verdict;
  observer.eventRejected(request.keyName, firstCode(verdict.errors));
  throw new Problem(verdict.status === 400 ? 'invalid_event' : 'inconsistent_event', {
    detail: verdict.errors.map(({ pointer, message }) => `${pointer || 'the event'}: ${message}`).join('; '),
    errors: verdict.errors,
  });
}

async function setDown(
  deps: IngestDeps,
  request: CallRequest,
  event: Accepted,
): Promise<Outcome | undefined> {
  try {
    return (await append(deps, request, [event.record]))?.[0];
  } finally {
    request.bodyLease?.release();
  }
}

function answer(reply: FastifyReply, outcome: Outcome | undefined, ids: object): FastifyReply {
  return outcome === undefined
    ? reply.code(202).send(ids)
    : reply.code(200).send({ ...ids, status: outcome });
}
