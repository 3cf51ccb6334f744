import { type Static, type TSchema, Type } from 'typebox';
import { EVENT_TYPES } from '../../events/identity.js';
import { pageOf, pageQuery, TextOrNull, Time, TimeOrNull } from './page.js';

const reasons = ['conflict', 'corrupt', 'data_error', 'unstorable'] as const;
export type DeadLetterReason = (typeof reasons)[number];

const reason = (description: string) =>
  Type.Unsafe<DeadLetterReason>({ type: 'string', enum: [...reasons], description, examples: ['conflict'] });

export const DeadLetterPath = Type.Object({
  id: Type.String({
    description: 'Of a dead letter.',
    examples: ['0d0b0f5e-7a5c-4b56-9a53-0c2b8a6f6f11.42'],
  }),
});
export type DeadLetterPath = Static<typeof DeadLetterPath>;

export const DeadLettersQuery = Type.Object(
  { reason: Type.Optional(reason('Those with this reason only.')), ...pageQuery },
  { additionalProperties: false },
);
export type DeadLettersQuery = Static<typeof DeadLettersQuery>;

export const DeadLetter = Type.Object(
  {
    id: Type.String({
      description: 'Its spool and its number there.',
      examples: ['0d0b0f5e-7a5c-4b56-9a53-0c2b8a6f6f11.42'],
    }),
    reason: reason(
      'conflict: another event with its ids was stored first. data_error: the database refuses its contents. unstorable: it failed again and again while others did not. corrupt: the disk did not give back what was written.',
    ),
    detail: Type.String({ description: 'What exactly was wrong.' }),
    event_type: Type.Unsafe<(typeof EVENT_TYPES)[number] | null>({
      type: ['string', 'null'],
      enum: [...EVENT_TYPES, null],
      description: 'Null, like the ids, for a record that could not be read.',
    }),
    call_id: TextOrNull('Of the event.'),
    event_id: TextOrNull('Of a click or result.'),
    source: TextOrNull('Name of the key it came with.'),
    received_at: TimeOrNull('When it was acknowledged.'),
    dead_lettered_at: Time('When it came here.'),
    replays: Type.Integer({ minimum: 0, description: 'How often it was replayed before it came here.' }),
    payload: TextOrNull('Exactly as received: null when that is not UTF-8.'),
    payload_base64: Type.String({ description: 'The bytes as received.' }),
  },
  {
    $id: 'DeadLetter',
    description: 'An event that was acknowledged and can never be stored.',
    examples: [
      {
        id: '0d0b0f5e-7a5c-4b56-9a53-0c2b8a6f6f11.42',
        reason: 'conflict',
        detail: 'a click with these ids and other contents was stored first',
        event_type: 'click',
        call_id: 'oa-NHL-20251022-cd7d985f34',
        event_id: '8b6b4257-63ab-5eca-8353-34891ccba95d',
        source: 'odds-api',
        received_at: '2025-10-22T05:01:37.002000Z',
        dead_lettered_at: '2025-10-22T05:01:37.040000Z',
        replays: 0,
        payload: '{"event_id":"8b6b4257-63ab-5eca-8353-34891ccba95d","user_id":"u395"}',
        payload_base64:
          'eyJldmVudF9pZCI6IjhiNmI0MjU3LTYzYWItNWVjYS04MzUzLTM0ODkxY2NiYTk1ZCIsInVzZXJfaWQiOiJ1Mzk1In0=',
      },
    ],
  },
);
export type DeadLetter = Static<typeof DeadLetter>;

export const Replayed = Type.Object(
  {
    replayed: Type.Integer({ minimum: 0, description: 'On the spool, and no dead letters any more.' }),
    refused: Type.Integer({
      minimum: 0,
      description: 'Holding no event that could be read; they stay.',
    }),
  },
  { $id: 'Replayed', description: 'What became of the replay.', examples: [{ replayed: 1, refused: 0 }] },
);
export type Replayed = Static<typeof Replayed>;

export const DEAD_LETTER_SCHEMAS: readonly TSchema[] = [
  DeadLetter,
  pageOf('DeadLetterList', 'dead_letters', 'DeadLetter'),
  Replayed,
];
