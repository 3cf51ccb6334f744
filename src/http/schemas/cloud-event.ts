/** CloudEvents as the document shows them; they are judged by openCloudEvent, and what is in them by accept. */
import { type TSchema, Type } from 'typebox';

const id = Type.String({
  description: "The event's own id: call_id of a call, event_id of a click or result.",
  examples: ['oa-NHL-20251022-cd7d985f34'],
});
const source = Type.String({
  description: 'The source of a call that states none; not kept of clicks and results.',
  examples: ['odds-api'],
});
const type = Type.String({
  pattern: '^(.*\\.)?(call|click|result)$',
  description: 'call, click or result, by itself or after a dot.',
  examples: ['com.example.call'],
});
const time = Type.String({
  format: 'date-time',
  description: 'sent_at, clicked_at or settled_at of an event that states none.',
  examples: ['2025-10-22T05:01:19Z'],
});

const CloudEvent = Type.Object(
  {
    specversion: Type.Literal('1.0', { examples: ['1.0'] }),
    id,
    source,
    type,
    time: Type.Optional(time),
    datacontenttype: Type.Optional(
      Type.String({
        description: 'Of the data: JSON, if it is said at all.',
        examples: ['application/json'],
      }),
    ),
    data: Type.Unsafe({
      description: 'The event.',
      anyOf: [{ $ref: 'Call#' }, { $ref: 'Click#' }, { $ref: 'Result#' }],
    }),
  },
  {
    $id: 'CloudEvent',
    description: 'An event in a CloudEvents 1.0 envelope. Other attributes are allowed and not kept.',
    additionalProperties: true,
    examples: [
      {
        specversion: '1.0',
        id: '8b6b4257-63ab-5eca-8353-34891ccba95d',
        source: '/bots/telegram',
        type: 'com.example.click',
        time: '2025-10-22T05:02:44.024Z',
        data: { call_id: 'oa-NHL-20251022-cd7d985f34', user_id: 'u166' },
      },
    ],
  },
);

/** The envelope of binary mode, where the body is the event. */
export const CLOUD_EVENT_HEADERS = {
  'ce-specversion': Type.Optional(
    Type.Literal('1.0', { description: 'Of a CloudEvent in binary mode.', examples: ['1.0'] }),
  ),
  'ce-id': Type.Optional(id),
  'ce-source': Type.Optional(source),
  'ce-type': Type.Optional(type),
  'ce-time': Type.Optional(time),
};

export const CLOUD_EVENT_SCHEMAS: readonly TSchema[] = [CloudEvent];
