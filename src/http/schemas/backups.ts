import { type Static, type TSchema, Type } from 'typebox';
import { pageOf, pageQuery, TextOrNull, Time, TimeOrNull } from './page.js';

export const BackupPath = Type.Object({
  id: Type.String({ description: 'Of a backup.', examples: ['20261120T181500Z-5f0c9a1e'] }),
});
export type BackupPath = Static<typeof BackupPath>;

export const RangeHeaders = Type.Object({
  range: Type.Optional(
    Type.String({
      description:
        'One range of bytes, to take up a download where it ended; anything else gets the whole file.',
      examples: ['bytes=1048576-'],
    }),
  ),
  'if-range': Type.Optional(
    Type.String({
      description: 'ETag of the file that the range is of; of another one, the answer is the whole file.',
      examples: ['"c0d0a1f0f2f1a9b0c5f8a0c7f4e1f5ad7d55c1c9f4f7b0f1a5b8f6c2d3e4f506"'],
    }),
  ),
});

export const BackupsQuery = Type.Object(pageQuery, { additionalProperties: false });
export type BackupsQuery = Static<typeof BackupsQuery>;

export const StartBackupQuery = Type.Object(
  {
    wait: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Answer once the backup is complete, however long that takes.',
        examples: [true],
      }),
    ),
  },
  { additionalProperties: false },
);
export type StartBackupQuery = Static<typeof StartBackupQuery>;

const integerOrNull = (description: string) =>
  Type.Unsafe<number | null>({ type: ['integer', 'null'], minimum: 0, description });

const RowsOrNull = Type.Unsafe<Readonly<Record<string, number>> | null>({
  type: ['object', 'null'],
  additionalProperties: { type: 'integer', minimum: 0 },
  description: 'Rows of each table; null when it did not come to that.',
  examples: [{ calls: 1_000, clicks: 5_000, results: 900 }],
});

export const Backup = Type.Object(
  {
    id: Type.String({
      description: 'Its id: when it was begun, and something random.',
      examples: ['20261120T181500Z-5f0c9a1e'],
    }),
    state: Type.Enum(['running', 'complete', 'failed'], {
      type: 'string',
      description: 'complete: it has a file, which is whole and checked by its sum.',
    }),
    trigger: Type.Unsafe<'manual' | 'schedule' | null>({
      type: ['string', 'null'],
      enum: ['manual', 'schedule', null],
      description: 'Null when nobody knows any more.',
    }),
    created_at: Time('When it was begun.'),
    finished_at: TimeOrNull('When it was complete, or failed.'),
    bytes: integerOrNull('Size of the file; null unless complete.'),
    sha256: TextOrNull('Of the file, in hexadecimal; null unless complete.'),
    rows: RowsOrNull,
    verified_at: TimeOrNull(
      'When it was last proved by restoring it; null: not yet, or the last attempt found it bad.',
    ),
    error: TextOrNull('Why it failed.'),
  },
  {
    $id: 'Backup',
    description: 'A backup, as its manifest tells.',
    additionalProperties: true,
    examples: [
      {
        id: '20261120T181500Z-5f0c9a1e',
        state: 'complete',
        trigger: 'schedule',
        created_at: '2026-11-20T18:15:00.000000Z',
        finished_at: '2026-11-20T18:15:02.310000Z',
        bytes: 6_291_456,
        sha256: 'c0d0a1f0f2f1a9b0c5f8a0c7f4e1f5ad7d55c1c9f4f7b0f1a5b8f6c2d3e4f506',
        rows: { calls: 1_795, clicks: 5_210, results: 1_790 },
        verified_at: '2026-11-21T09:00:00.000000Z',
        error: null,
      },
    ],
  },
);
export type Backup = Static<typeof Backup>;

export const Verification = Type.Object(
  {
    ok: Type.Boolean({ description: 'Whether restoring it gave exactly what was backed up.' }),
    problems: Type.Unsafe<readonly string[]>({
      type: 'array',
      items: { type: 'string' },
      description: 'What is wrong with it, in sentences.',
    }),
    rows: RowsOrNull,
  },
  {
    $id: 'Verification',
    description: 'What a trial restore found.',
    examples: [{ ok: true, problems: [], rows: { calls: 1_795, clicks: 5_210, results: 1_790 } }],
  },
);
export type Verification = Static<typeof Verification>;

export const BACKUP_SCHEMAS: readonly TSchema[] = [
  Backup,
  pageOf('BackupList', 'backups', 'Backup'),
  Verification,
];
