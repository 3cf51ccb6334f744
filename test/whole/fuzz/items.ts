/** The events of a batch as a reader of its own sees them, to be held against the ids of the answer. */
import { eventOfBinary, eventOfEnvelope } from './cloud-event.js';
import type { FuzzRequest } from './request.js';

/** What was sent for one event; anything that is no event, too. */
export type Item = unknown;

/** In the order of the ids; null where nothing was sent. */
export function itemsOf({ headers, body }: Pick<FuzzRequest, 'headers' | 'body'>): readonly Item[] | null {
  if (body === null) return null;
  const type = headers.findLast(([name]) => name === 'content-type')?.[1] ?? '';
  const text = body.plain.toString().replace(/^\ufeff/, '');
  if (type === 'application/x-ndjson') {
    return text
      .split('\n')
      .filter((line) => /[^ \t\r]/.test(line))
      .map(parsed);
  }
  if (type.startsWith('application/cloudevents')) return [parsed(text)].flat().map(eventOfEnvelope);
  if (headers.some(([name]) => name === 'ce-specversion')) return [eventOfBinary(headers, parsed(text))];
  return listOf(parsed(text));
}

function listOf(value: unknown): readonly Item[] {
  if (Array.isArray(value)) return value;
  if (typeof value === 'object' && value !== null && 'events' in value && Array.isArray(value.events))
    return value.events;
  return [value];
}

function parsed(text: string): Item {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
