import { type Static, type TSchema, Type } from 'typebox';
import { pageOf, pageQuery, TextOrNull, Time, TimeOrNull } from './page.js';

export const BackupPath = Type.Object({
  id: Type.String({ description: 'Of a backup.', examples: ['20261120T181500Z-5f0c9a1e'] }),
});
export type BackupPath = Static<typeof BackupPath>;

export const BackupsQuery = Type.Object(pageQuery, { additionalProperties: false });
export type BackupsQuery = Static<typeof BackupsQuery>;

export const StartBackupQuery = Type.Object(
  {
    wait: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Answer once the backup is complete, however long that takes.',
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
    id: Type.String({ examples: ['20261120T181500Z-5f0c9a1e'] }),
    state: Type.Union([Type.Literal('running'), Type.Literal('complete'), Type.Literal('failed')]),
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
  { $id: 'Backup', additionalProperties: true },
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
  { $id: 'Verification' },
);
export type Verification = Static<typeof Verification>;

export const BACKUP_SCHEMAS: readonly TSchema[] = [
  Backup,
  pageOf('BackupList', 'backups', 'Backup'),
  Verification,
];
