/** Every way in which events can be posted. */
import { gzipSync } from 'node:zlib';
import type { Body } from '../../helpers/events.js';
import type { PlannedEvent } from './scene.js';

/** Something to be said, once. */
export type Item = GoodItem | BadItem;

export interface GoodItem {
  readonly event: PlannedEvent;
  /** Which of the event's variants `body` says. */
  readonly variant: number;
  readonly body: Body;
}

/** Has to be refused. */
export interface BadItem {
  readonly event: null;
  readonly body: Body;
  /** As a line of NDJSON it is not even JSON. */
  readonly isTorn: boolean;
}

export const FORMS = [
  'single',
  'event',
  'array',
  'object',
  'ndjson',
  'gzip',
  'structured',
  'batched',
  'binary',
] as const;
export type Form = (typeof FORMS)[number];
/** These carry one event. */
export const SINGLE_FORMS: ReadonlySet<Form> = new Set(['single', 'event', 'structured', 'binary']);

export interface PlannedRequest {
  readonly form: Form;
  readonly items: readonly Item[];
  /** With ?wait=stored. */
  readonly isWaiting: boolean;
  /** The sender repeats it until it is answered; others give up. */
  readonly isPersistent: boolean;
  /** The id of a single event comes as Idempotency-Key. */
  readonly isKeyed: boolean;
}

export interface EncodedRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const JSON_TYPE = { 'content-type': 'application/json' };

export function encode(request: PlannedRequest): EncodedRequest {
  const { path = '/v1/events', headers, body } = FORM[request.form](request);
  return { path: request.isWaiting ? `${path}?wait=stored` : path, headers, body: Buffer.from(body) };
}

interface Encoded {
  readonly path?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

const FORM: Readonly<Record<Form, (request: PlannedRequest) => Encoded>> = {
  single,
  event: ({ items }) => json(onlyOf(items).body),
  array: ({ items }) => json(items.map(({ body }) => body)),
  object: ({ items }) => json({ events: items.map(({ body }) => body) }),
  ndjson: ({ items }) => ({ headers: { 'content-type': 'application/x-ndjson' }, body: linesOf(items) }),
  gzip: ({ items }) => ({
    headers: { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' },
    body: gzipSync(linesOf(items)),
  }),
  structured: ({ items }) => ({
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(envelopeOf(onlyOf(items))),
  }),
  batched: ({ items }) => ({
    headers: { 'content-type': 'application/cloudevents-batch+json' },
    body: JSON.stringify(items.map(envelopeOf)),
  }),
  binary: ({ items }) => {
    const item = onlyOf(items);
    const headers: Record<string, string> = { ...JSON_TYPE };
    for (const [name, text] of Object.entries(attributesOf(item)))
      headers[`ce-${name}`] = encodeURIComponent(text);
    return { headers, body: JSON.stringify(item.body) };
  },
};

/** On the route of its kind, which tells the type, and for clicks and results the call. */
function single({ items, isKeyed }: PlannedRequest): Encoded {
  const item = onlyOf(items);
  const { type, ...said } = item.body;
  const path =
    type === 'call'
      ? '/v1/calls'
      : `/v1/calls/${encodeURIComponent(String(said['call_id']))}/${type === 'click' ? 'clicks' : 'result'}`;
  if (!isKeyed || item.event === null) return { path, ...json(said) };
  const headers = { ...JSON_TYPE, 'idempotency-key': item.event.eventId };
  const ownId = type === 'call' ? 'call_id' : 'event_id';
  return { path, headers, body: JSON.stringify({ ...said, [ownId]: undefined }) };
}

function json(value: unknown): Encoded {
  return { headers: JSON_TYPE, body: JSON.stringify(value) };
}

function linesOf(items: readonly Item[]): string {
  return items.map((item) => `${lineOf(item)}\n`).join('');
}

function lineOf(item: Item): string {
  const text = JSON.stringify(item.body);
  return item.event === null && item.isTorn ? text.slice(0, -1) : text;
}

function envelopeOf(item: Item): Record<string, unknown> {
  return { ...attributesOf(item), data: item.body };
}

function attributesOf({ body }: Item): Record<string, string> {
  const id = String(body['type'] === 'call' ? body['call_id'] : body['event_id']);
  return { specversion: '1.0', id, type: `soak.${String(body['type'])}`, source: '/soak' };
}

function onlyOf(items: readonly Item[]): Item {
  const [item] = items;
  if (item === undefined || items.length > 1) throw new RangeError(`one item is wanted, not ${items.length}`);
  return item;
}
