import { type Static, type TSchema, Type } from 'typebox';
import { PROBLEMS as EVENT_PROBLEMS } from '../../events/problems.js';

export const OUTCOMES = ['stored', 'duplicate', 'dead_letter'] as const;
export type Outcome = (typeof OUTCOMES)[number];

const callId = Type.String({
  description: 'The id sent, or the one made.',
  examples: ['oa-NHL-20251022-cd7d985f34'],
});
const eventId = Type.String({
  description: 'The id sent, or the one made.',
  examples: ['8b6b4257-63ab-5eca-8353-34891ccba95d'],
});
const status = Type.Enum(OUTCOMES, {
  type: 'string',
  description:
    'stored: now in the database. duplicate: it was there already. dead_letter: it was there with other contents, or can never be stored.',
  examples: ['stored'],
});

export const AcceptedCall = Type.Object(
  { call_id: callId },
  { $id: 'AcceptedCall', description: 'A call that is synced to disk.' },
);
export const SettledCall = Type.Object(
  { call_id: callId, status },
  { $id: 'SettledCall', description: 'A call, and what became of it.' },
);
export const AcceptedEvent = Type.Object(
  { event_id: eventId, call_id: callId },
  { $id: 'AcceptedEvent', description: 'A click or result that is synced to disk.' },
);
export const SettledEvent = Type.Object(
  { event_id: eventId, call_id: callId, status },
  { $id: 'SettledEvent', description: 'A click or result, and what became of it.' },
);

export const RejectedItem = Type.Object(
  {
    index: Type.Integer({
      minimum: 0,
      description: 'Position among the events of the body; blank lines do not count.',
      examples: [1],
    }),
    errors: Type.Array(Type.Unsafe({ $ref: 'Mistake#' }), { description: 'Its mistakes.' }),
  },
  { $id: 'RejectedItem', description: 'An event of a batch that was rejected, and why.' },
);

const batch = {
  accepted: Type.Integer({ minimum: 0, description: 'Events taken.', examples: [2] }),
  rejected: Type.Integer({ minimum: 0, description: 'Events refused.', examples: [1] }),
  ids: Type.Array(Type.Unsafe<string | null>({ type: ['string', 'null'] }), {
    description: 'Per event its id (call_id of a call, event_id of others), or null when rejected.',
    examples: [['oa-NHL-20251022-cd7d985f34', null, '8b6b4257-63ab-5eca-8353-34891ccba95d']],
  }),
  errors: Type.Array(Type.Unsafe<Static<typeof RejectedItem>>({ $ref: 'RejectedItem#' }), {
    description: `Why events were rejected, with these codes: malformed_json, malformed_utf8, line_too_long, ${Object.keys(EVENT_PROBLEMS).join(', ')}.`,
    examples: [[{ index: 1, errors: [{ pointer: '/call_id', code: 'required', message: 'is required' }] }]],
  }),
};

export const BatchAnswer = Type.Object(
  {
    ...batch,
    statuses: Type.Optional(
      Type.Array(Type.Unsafe<Outcome | null>({ type: ['string', 'null'], enum: [...OUTCOMES, null] }), {
        description:
          'Only with ?wait=stored, when all was stored in time: per event what became of it, null when rejected.',
        examples: [['stored', null, 'duplicate']],
      }),
    ),
  },
  { $id: 'BatchAnswer', description: 'What became of each event of the body, in its order.' },
);
export type BatchAnswer = Static<typeof BatchAnswer>;

export const WaitQuery = Type.Object(
  {
    wait: Type.Optional(
      Type.Enum(['stored'], {
        type: 'string',
        description:
          'Answer once PostgreSQL has committed durably: 200 with what became of the event. The ordinary 202 if that takes over 10 seconds.',
        examples: ['stored'],
      }),
    ),
  },
  { additionalProperties: false },
);

export const IngestHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description: 'Stands in for an absent id of the event; must agree with one that is there.',
      examples: ['8b6b4257-63ab-5eca-8353-34891ccba95d'],
    }),
  ),
  'content-encoding': Type.Optional(
    Type.Enum(['gzip', 'identity'], {
      type: 'string',
      description: 'How the body is compressed; not at all when absent.',
      examples: ['gzip'],
    }),
  ),
});

export const CallPath = Type.Object({
  call_id: Type.String({ description: 'Percent-encoded.', examples: ['oa-NHL-20251022-cd7d985f34'] }),
});

export type CallPath = Static<typeof CallPath>;
export type WaitQuery = Static<typeof WaitQuery>;

export const INGEST_SCHEMAS: readonly TSchema[] = [
  AcceptedCall,
  SettledCall,
  AcceptedEvent,
  SettledEvent,
  RejectedItem,
  BatchAnswer,
];
