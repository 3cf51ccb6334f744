import { type Static, type TSchema, Type } from 'typebox';
import { Time } from './page.js';

export const CleanupBody = Type.Object(
  {
    days_to_keep: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 36_500,
        description: 'Days of 24 hours before now; RETENTION_DAYS unless given.',
        examples: [365],
      }),
    ),
    dry_run: Type.Optional(
      Type.Boolean({ default: false, description: 'Count what would be deleted, and delete nothing.' }),
    ),
  },
  { additionalProperties: false },
);
export type CleanupBody = Static<typeof CleanupBody>;

const count = Type.Integer({ minimum: 0 });

export const Cleanup = Type.Object(
  {
    cutoff: Time(
      'Calls sent before this time go, and so do clicks and results of no call received before it.',
    ),
    dry_run: Type.Boolean(),
    deleted: Type.Object({ calls: count, clicks: count, results: count }),
    postponed: Type.Integer({
      minimum: 0,
      description: 'Calls left to the next cleanup, because events of theirs were being stored.',
    }),
    duration_ms: Type.Number({ minimum: 0, examples: [41.7] }),
  },
  { $id: 'Cleanup' },
);
export type Cleanup = Static<typeof Cleanup>;

export const CLEANUP_SCHEMAS: readonly TSchema[] = [Cleanup];
