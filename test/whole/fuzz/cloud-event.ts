/** What a CloudEvent says as an event, as its rules in the README of src/events have it. */
import { isJsonObject, type JsonObject } from '../../../src/lib/json-value.js';
import type { Header } from './request.js';

const TIMES: Readonly<Record<string, string>> = {
  call: 'sent_at',
  click: 'clicked_at',
  result: 'settled_at',
};

export function eventOfEnvelope(envelope: unknown): unknown {
  return isJsonObject(envelope) ? eventOf(envelope, envelope['data']) : null;
}

/** In binary mode the attributes are headers, and the event is the body. */
export function eventOfBinary(headers: readonly Header[], data: unknown): unknown {
  const attributes = headers
    .filter(([name]) => name.startsWith('ce-'))
    .map(([name, value]) => [name.slice(3), Buffer.from(value, 'latin1').toString()] as const);
  return eventOf(Object.fromEntries(attributes), data);
}

function eventOf({ type, id, source, time }: JsonObject, data: unknown): unknown {
  if (!isJsonObject(data)) return null;
  const kind = typeof type === 'string' ? type.replace(/^.*\./s, '') : '';
  return {
    ...data,
    type: kind,
    [kind === 'call' ? 'call_id' : 'event_id']: id,
    [TIMES[kind] ?? 'time']: data[TIMES[kind] ?? 'time'] ?? time ?? null,
    ...(kind === 'call' && { source: data['source'] ?? source }),
  };
}
