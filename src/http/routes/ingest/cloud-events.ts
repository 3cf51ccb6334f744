/** CloudEvents 1.0 over HTTP: where the envelope is in each of the three modes of the HTTP protocol binding. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { openCloudEvent, REQUIRED_ATTRIBUTES, type EnvelopePlaces } from '../../../events/cloud-event.js';
import { isJsonObject, type JsonObject } from '../../../lib/json-value.js';
import type { JsonBody } from '../../body/reading.js';
import { Turn } from '../../body/turns.js';
import type { Batch, BatchItem } from './batch.js';
import { isArray, notEvents, refuseIdempotencyKey } from './fill-batch.js';
import { textHeader, wrongHeader } from './headers.js';

/** The envelope around the data in the body, an array of these, or in headers beside the data. */
export type CloudEventsMode = 'structured' | 'batched' | 'binary';

/**
 * Null for a request that is no CloudEvent. Without its content type, one header of those that every CloudEvent has makes
 * it one: so a sender who forgets another is told, and nothing of the envelope is passed over in silence.
 */
export function cloudEventsMode(headers: IncomingHttpHeaders): CloudEventsMode | null {
  const contentType = headers['content-type']?.trimStart().toLowerCase() ?? '';
  if (contentType.startsWith('application/cloudevents-batch')) return 'batched';
  if (contentType.startsWith('application/cloudevents')) return 'structured';
  return REQUIRED_ATTRIBUTES.some((name) => headers[`ce-${name}`] !== undefined) ? 'binary' : null;
}

/** @throws Problem when the body is not what the mode says, or a header of the envelope cannot be read */
export async function fillFromCloudEvents(
  batch: Batch,
  mode: CloudEventsMode,
  body: JsonBody,
  request: FastifyRequest,
  idempotencyKey: string | undefined,
): Promise<void> {
  const key = idempotencyKey === undefined ? undefined : { idempotencyKey };
  const value = body.parse();
  switch (mode) {
    case 'binary':
      addEvent(batch, attributesOf(request), value, inHeaders, key);
      return;
    case 'structured':
      if (!isJsonObject(value))
        throw notEvents('', 'wrong_type', 'expected one CloudEvent; many go as cloudevents-batch+json');
      addEnvelope(batch, value, key);
      return;
    case 'batched':
      refuseIdempotencyKey(idempotencyKey);
      await addEnvelopes(batch, value);
  }
}

async function addEnvelopes(batch: Batch, value: unknown): Promise<void> {
  if (!isArray(value)) throw notEvents('', 'wrong_type', 'expected an array of CloudEvents');
  const turn = new Turn();
  for (const envelope of value) {
    if (isJsonObject(envelope)) addEnvelope(batch, envelope);
    else batch.reject([{ pointer: '', code: 'not_an_object', message: 'a CloudEvent is a JSON object' }]);
    if (turn.isOver()) await turn.next();
  }
}

const inBody: EnvelopePlaces = { attribute: (name) => `/${name}`, data: '/data' };
const inHeaders: EnvelopePlaces = { attribute: (name) => `header:ce-${name}`, data: '' };

type Beside = Pick<BatchItem, 'idempotencyKey'>;

function addEnvelope(batch: Batch, envelope: JsonObject, beside?: Beside): void {
  addEvent(batch, envelope, envelope['data'], inBody, beside);
}

function addEvent(
  batch: Batch,
  attributes: JsonObject,
  data: unknown,
  places: EnvelopePlaces,
  beside?: Beside,
): void {
  const opened = openCloudEvent(attributes, data, places);
  if (!opened.ok) {
    batch.reject(opened.errors);
    return;
  }
  const { type, id, body, locate } = opened;
  batch.addPart({ type, cloudEventId: id, body, ...beside }, locate);
}

/** The attributes in `ce-` headers that say something about the event; `datacontenttype` is the content type. */
function attributesOf(request: FastifyRequest): JsonObject {
  const names = [...REQUIRED_ATTRIBUTES, 'time'];
  return Object.fromEntries(names.map((name) => [name, attributeOf(request, `ce-${name}`)]));
}

function attributeOf(request: FastifyRequest, header: string): string | undefined {
  const text = textHeader(request, header);
  if (text === undefined) return undefined;
  const value = text === null ? null : decoded(text);
  if (value === null) throw wrongHeader(header, 'malformed_header', 'must be percent-encoded UTF-8');
  return value;
}

/** Out of its quotes, which older senders still use, and percent-decoded once; null when that gives no UTF-8. */
function decoded(text: string): string | null {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(text)?.[1];
  try {
    return decodeURIComponent(quoted?.replace(/\\(.)/g, '$1') ?? text);
  } catch {
    return null;
  }
}
