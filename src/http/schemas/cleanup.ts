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

const count = (what: string) => Type.Integer({ minimum: 0, description: `${what} deleted.` });

export const Cleanup = Type.Object(
  {
    cutoff: Time(
      'Calls sent and received before this time are deleted, and so are clicks and results received before it whose call is not stored.',
    ),
    dry_run: Type.Boolean({ description: 'Whether it only counted.' }),
    deleted: Type.Object({ calls: count('Calls'), clicks: count('Clicks'), results: count('Results') }),
    postponed: Type.Integer({
      minimum: 0,
      description: 'Calls left to the next cleanup, because events of theirs were being stored.',
    }),
    duration_ms: Type.Number({
      minimum: 0,
      description: 'How long it took, in milliseconds.',
      examples: [41.7],
    }),
  },
  {
    $id: 'Cleanup',
    description: 'What a cleanup deleted, or would delete.',
    examples: [
      {
        cutoff: '2025-11-20T04:00:00.000000Z',
        dry_run: true,
        deleted: { calls: 212, clicks: 640, results: 210 },
        postponed: 0,
        duration_ms: 41.7,
      },
    ],
  },
);
export type Cleanup = Static<typeof Cleanup>;

export const CLEANUP_SCHEMAS: readonly TSchema[] = [Cleanup];
