/** Real events under ids of this run: as they are, mutated, and together in every form that a sender may give them. */
import fc from 'fast-check';
import { fixtureEvents } from '../../bench/rows.js';
import { type Encoded, encoded } from './encoding.js';
import { nearly } from './from-schema.js';
import { written } from './json-text.js';
import { keys } from './operations.js';
import { asLatin1, type FuzzRequest, type Header, percentEncoded } from './request.js';
import * as values from './values.js';

type Event = Readonly<Record<string, unknown>>;

const events: readonly Event[] = fixtureEvents().map((event) => ({ ...event }));
const PATHS: Readonly<Record<string, string>> = { call: '', click: '/clicks', result: '/result' };
const ADMIN: readonly Header[] = [['authorization', 'Bearer {{admin}}']];

/** Ids nobody else uses. */
const fresh = fc.uuid();
/** Ids that come again, with other contents: conflicts. */
const few = fc.integer({ min: 0, max: 300 }).map((n) => `again-${n}`);

function eventWith(id: fc.Arbitrary<string>): fc.Arbitrary<Event> {
  return fc.tuple(fc.constantFrom(...events), id, id).map(([event, callId, eventId]) => ({
    ...event,
    call_id: callId,
    ...(event['type'] !== 'call' && { event_id: eventId }),
  }));
}

const right = eventWith(fresh);
const colliding = fc.oneof(eventWith(few), eventWith(fc.oneof(fresh, few, values.id)));
const wrong = nearly(colliding);
const any = fc.oneof({ weight: 3, arbitrary: colliding }, { weight: 2, arbitrary: wrong });

interface Parts {
  readonly name: string;
  readonly target: string;
  readonly type: string | null;
  readonly body: fc.Arbitrary<Encoded>;
  readonly headers?: readonly Header[];
  readonly isRight?: boolean;
}

function post({ name, target, type, body, headers = [], isRight = false }: Parts): fc.Arbitrary<FuzzRequest> {
  const waits = fc.oneof({ weight: 9, arbitrary: fc.constant('') }, fc.constant('?wait=stored'));
  return fc
    .record({ key: isRight ? fc.constant(ADMIN) : keys, body, wait: waits, chunked: fc.boolean() })
    .map((made) => ({
      name,
      method: 'POST',
      target: target + made.wait,
      headers: [...made.key, ...headers, ...(type === null ? [] : [['content-type', type] as const])],
      body: made.body,
      chunked: made.chunked,
      isRight,
    }));
}

const plain = (bytes: fc.Arbitrary<Buffer>): fc.Arbitrary<Encoded> =>
  bytes.map((one) => ({ bytes: one, encoding: null, plain: one }));
const jsonOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

function pathOf(event: Event): string {
  const activity = PATHS[String(event['type'])] ?? '';
  return activity === '' ? '/v1/calls' : `/v1/calls/${percentEncoded(String(event['call_id']))}${activity}`;
}

const singleRight = right.chain((event) =>
  post({
    name: 'a real event',
    target: pathOf(event),
    type: 'application/json',
    body: plain(fc.constant(jsonOf(event))),
    isRight: true,
  }),
);

const single = fc.tuple(colliding, fc.boolean()).chain(([event, isWrong]) => {
  const value = isWrong ? nearly(fc.constant(event)) : fc.constant(event);
  const bytes = written(value, { outOf: 3 }).map((one) => one.bytes);
  return post({
    name: isWrong ? 'an event nearly real' : 'a real event again',
    target: pathOf(event),
    type: 'application/json',
    body: encoded(bytes),
  });
});

const lists = fc.array(any, { minLength: 1, maxLength: 30 });
const listBodies = fc.oneof(
  lists,
  lists.map((some) => ({ events: some })),
  any,
);

const batch = post({
  name: 'a batch',
  target: '/v1/events',
  type: 'application/json',
  body: encoded(written(listBodies, { outOf: 5 }).map(({ bytes }) => bytes)),
});

const batchRight = post({
  name: 'a batch of real events',
  target: '/v1/events',
  type: 'application/json',
  body: plain(fc.array(right, { minLength: 1, maxLength: 20 }).map(jsonOf)),
  isRight: true,
});

const line = fc.oneof(
  { weight: 8, arbitrary: written(any, { outOf: 4 }).map(({ bytes }) => bytes) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', ' ', '\r', '\u2028', '{', ']').map((text) => Buffer.from(text)),
  },
);
const lineEnds = fc.constantFrom('\n', '\r\n', '\n\n', '\r\n\n');
const lines = fc
  .tuple(fc.array(line, { minLength: 1, maxLength: 30 }), lineEnds, fc.boolean())
  .map(([some, end, isEnded]) =>
    Buffer.concat(
      some.flatMap((one, n) => (n + 1 < some.length || isEnded ? [one, Buffer.from(end)] : [one])),
    ),
  );

const ndjson = post({
  name: 'lines',
  target: '/v1/events',
  type: 'application/x-ndjson',
  body: encoded(lines),
});

/** Around the limit of 10,000, of events that are cheap to make. */
const manyLines = fc.constantFrom(2_000, 9_999, 10_000, 10_001).chain((count) =>
  fc.tuple(fresh, fc.boolean()).chain(([prefix, isEmpty]) =>
    post({
      name: `${count} lines`,
      target: '/v1/events',
      type: 'application/x-ndjson',
      body: encoded(
        fc.constant(
          Buffer.from(
            Array.from({ length: count }, (_, n) =>
              isEmpty ? '{}' : `{"type":"click","call_id":"${prefix}","event_id":"${n}"}`,
            ).join('\n'),
          ),
        ),
      ),
    }),
  ),
);

function envelope(event: Event, changes: Event): Event {
  const { type, call_id: callId, event_id: eventId, ...rest } = event;
  const id = type === 'call' ? callId : eventId;
  const data = type === 'call' ? rest : { ...rest, call_id: callId };
  const name = typeof type === 'string' ? `com.example.${type}` : type;
  return { specversion: '1.0', id, source: '/fuzz', type: name, data, ...changes };
}

const attributes = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Event>({}) },
  fc
    .tuple(
      fc.constantFrom('id', 'type', 'time', 'specversion', 'data', 'source', 'data_base64', 'ext'),
      values.json,
    )
    .map(([name, value]): Event => ({ [name]: value })),
);
const cloudEvent = fc
  .tuple(any, attributes)
  .map(([event, changes]) => (isEvent(event) ? envelope(event, changes) : event));
const cloudEvents = fc.oneof(
  post({
    name: 'a CloudEvent',
    target: '/v1/events',
    type: 'application/cloudevents+json',
    body: encoded(written(cloudEvent, { outOf: 5 }).map(({ bytes }) => bytes)),
  }),
  post({
    name: 'CloudEvents',
    target: '/v1/events',
    type: 'application/cloudevents-batch+json',
    body: encoded(written(fc.array(cloudEvent, { maxLength: 10 }), { outOf: 5 }).map(({ bytes }) => bytes)),
  }),
  fc
    .tuple(colliding, fc.constantFrom('1.0', '0.3', ''), fc.oneof(values.time, values.noTime))
    .chain(([event, version, time]) =>
      post({
        name: 'a binary CloudEvent',
        target: '/v1/events',
        type: 'application/json',
        headers: [
          ['ce-specversion', version],
          ['ce-id', asLatin1(String(event['event_id'] ?? event['call_id']))],
          ['ce-source', 'fuzz'],
          ['ce-type', String(event['type'])],
          ['ce-time', asLatin1(time)],
        ],
        body: encoded(written(fc.constant(event), { outOf: 5 }).map(({ bytes }) => bytes)),
      }),
    ),
);

function isEvent(value: unknown): value is Event {
  return typeof value === 'object' && value !== null && 'type' in value;
}

export const realEventRequests: fc.Arbitrary<FuzzRequest> = fc.oneof(
  { weight: 60, arbitrary: singleRight },
  { weight: 100, arbitrary: single },
  { weight: 10, arbitrary: batchRight },
  { weight: 20, arbitrary: batch },
  { weight: 20, arbitrary: ndjson },
  { weight: 15, arbitrary: cloudEvents },
  { weight: 1, arbitrary: manyLines },
);
