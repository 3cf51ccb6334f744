import { type Static, type TSchema, Type } from 'typebox';

const count = (description: string) => Type.Integer({ minimum: 0, description });
const countOrNull = (description: string) =>
  Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    minimum: 0,
    description: `${description} Null until the database has told, once after a start.`,
  });
const textOrNull = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description });
const open = (description: string) =>
  Type.Unsafe<Readonly<Record<string, unknown>>>({ type: 'object', additionalProperties: true, description });

export const ServiceStatus = Type.Object(
  {
    spool: Type.Object(
      {
        id: Type.String({ description: 'Identity of this spool and of its counts.' }),
        events: count('Events acknowledged and not yet stored.'),
        bytes: count('Size on disk.'),
        oldest_age_s: Type.Unsafe<number | null>({
          type: ['number', 'null'],
          description: 'Age of the oldest event still spooled; null when there is none.',
        }),
        limit_bytes: count('SPOOL_MAX_BYTES.'),
        last_error: textOrNull(
          'Why it took no event when it last refused one; null once it takes one again.',
        ),
        last_error_at: textOrNull('When that was.'),
      },
      { additionalProperties: true },
    ),
    drain: Type.Object(
      {
        state: Type.String({ description: 'What the drain is doing.', examples: ['running'] }),
        last_error: textOrNull('Why it last failed; null when all is well.'),
        last_error_at: textOrNull('When that was.'),
      },
      { additionalProperties: true },
    ),
    counts: Type.Object(
      {
        accepted: count('Events ever synced to this spool.'),
        stored: countOrNull('Of these, stored.'),
        duplicate: countOrNull('Of these, already there.'),
        dead_letter: countOrNull('Of these, dead letters.'),
        spooled: count(
          'Of these, still on the spool. accepted = stored + duplicate + dead_letter + spooled.',
        ),
      },
      { additionalProperties: true },
    ),
    disk_free_bytes: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      minimum: 0,
      description: 'Free on the disk of the spool, now; null when the disk does not say.',
    }),
    disk_reserve_bytes: count(
      'DISK_RESERVE_BYTES: with less than that free, events are refused with `disk_full`.',
    ),
    store: open('The database.'),
    schedule: open('What runs when.'),
  },
  {
    $id: 'Status',
    additionalProperties: true,
    description: "Counts of this service's spool, read in one tick. Fields may be added.",
    examples: [
      {
        spool: {
          id: '6f0c…',
          events: 12,
          bytes: 8_192,
          oldest_age_s: 0.02,
          limit_bytes: 1_073_741_824,
          last_error: null,
          last_error_at: null,
        },
        drain: { state: 'running', last_error: null, last_error_at: null },
        counts: { accepted: 1_000, stored: 980, duplicate: 7, dead_letter: 1, spooled: 12 },
        disk_free_bytes: 52_428_800_000,
        disk_reserve_bytes: 268_435_456,
        store: {},
        schedule: {},
      },
    ],
  },
);
export type ServiceStatus = Static<typeof ServiceStatus>;

/** How long a flush waits unless told otherwise, in seconds. */
export const FLUSH_TIMEOUT_S = 30;

export const FlushBody = Type.Object(
  {
    timeout_s: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 600,
        default: FLUSH_TIMEOUT_S,
        description: 'How long to wait, in seconds.',
        examples: [30],
      }),
    ),
  },
  { additionalProperties: false },
);
export type FlushBody = Static<typeof FlushBody>;

export const Flushed = Type.Object(
  {
    flushed: Type.Literal(true),
    duration_ms: Type.Number({
      minimum: 0,
      description: 'How long that took, in milliseconds.',
      examples: [41.7],
    }),
  },
  { $id: 'Flushed', description: 'That all is stored or dead-lettered.' },
);

export const ADMIN_SCHEMAS: readonly TSchema[] = [ServiceStatus, Flushed];
