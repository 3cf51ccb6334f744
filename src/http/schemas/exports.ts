import { type Static, type TSchema, Type } from 'typebox';
import type { CallFilters } from '../../store/read/filters.js';
import type { ExportFormat, ExportSubject, OpenExport } from '../../store/read/export/export.js';
import { MANIFESTS_KEPT } from '../limits.js';
import { callFilters, timeParameter } from './call-filters.js';

interface FormatFacts {
  readonly mediaType: string;
  readonly contentType: string;
  /** Whether compressing it makes it smaller. */
  readonly compressible: boolean;
  readonly description: string;
}

export const FORMATS = {
  csv: {
    mediaType: 'text/csv',
    contentType: 'text/csv; charset=utf-8; header=present',
    compressible: true,
    description:
      'RFC 4180 with a header line. Null is an empty field, an empty text is "". Times are RFC 3339 in UTC, lists and objects JSON.',
  },
  ndjson: {
    mediaType: 'application/x-ndjson',
    contentType: 'application/x-ndjson',
    compressible: true,
    description: 'One JSON object per line; null where there is nothing.',
  },
  parquet: {
    mediaType: 'application/vnd.apache.parquet',
    contentType: 'application/vnd.apache.parquet',
    compressible: false,
    description: 'Apache Parquet, typed: timestamps, integers, doubles, booleans, text, nulls.',
  },
} satisfies Record<ExportFormat, FormatFacts>;

const formats = Object.keys(FORMATS).filter((name): name is ExportFormat => name in FORMATS);

export const ExportQuery = Type.Object(
  {
    format: Type.Optional(
      Type.Enum(formats, {
        type: 'string',
        default: 'csv',
        description: 'Format of the file.',
        examples: ['parquet'],
      }),
    ),
    as_of: timeParameter(
      'Only calls, clicks and results received until then, so that nothing learned later leaks in; filters see only these, too. Not in the future. Events count as received when their request began: where the same file has to come out again, take a time at least a minute ago.',
      '2025-10-23T00:00:00Z',
      '2025-10-23',
    ),
    ...callFilters,
  },
  { additionalProperties: false },
);
export type ExportQuery = Static<typeof ExportQuery>;

export const ExportHeaders = Type.Object({
  'accept-encoding': Type.Optional(
    Type.String({ description: 'The file comes compressed when this takes gzip.', examples: ['gzip'] }),
  ),
});

type Column = OpenExport['columns'][number];

const Column = Type.Object(
  {
    name: Type.String({ description: 'As in the file.', examples: ['label_profit_actual'] }),
    type: Type.Unsafe<Column['type']>({
      type: 'string',
      description: 'text, integer, number, boolean, timestamp, date or json.',
      examples: ['number'],
    }),
    role: Type.Unsafe<Column['role']>({
      type: 'string',
      description:
        'id; feature: known when the call was sent; label: what came of it, and nothing a model may be given to learn from.',
      examples: ['label'],
    }),
    meaning: Type.String({
      description: 'With its unit.',
      examples: ['Profit made, in the currency of the stakes.'],
    }),
  },
  { $id: 'ExportColumn', description: 'A column of an exported file.' },
);

const timeOrNull = (description: string, ...examples: string[]) =>
  Type.Unsafe<string | null>({
    type: ['string', 'null'],
    description: `${description} UTC, to the microsecond.`,
    examples,
  });

const Manifest = Type.Object(
  {
    id: Type.String({
      description: 'As in X-Export-Id.',
      examples: ['019a0a3e-6c1d-7000-9c3b-2f5d8e1b7a60'],
    }),
    state: Type.Enum(['running', 'complete', 'failed'], {
      type: 'string',
      description: 'complete: the whole body was handed to the connection.',
      examples: ['complete'],
    }),
    error: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'Why it failed; null when it did not.',
      examples: [null],
    }),
    subject: Type.Unsafe<ExportSubject>({
      type: 'string',
      description: 'calls or clicks.',
      examples: ['calls'],
    }),
    format: Type.Enum(formats, { type: 'string', description: 'Format of the file.', examples: ['csv'] }),
    file_name: Type.String({
      description: 'As in Content-Disposition.',
      examples: ['call-logger-calls-20251023T000000Z.csv'],
    }),
    created_at: Type.String({
      description: 'When the export began. UTC, to the microsecond.',
      examples: ['2025-10-24T09:30:00.123000Z'],
    }),
    finished_at: timeOrNull(
      'When it was complete or failed; null while it runs.',
      '2025-10-24T09:30:04.456000Z',
    ),
    as_of: timeOrNull('As asked; null: all that was stored.', '2025-10-23T00:00:00.000000Z'),
    filters: Type.Unsafe<CallFilters>({
      type: 'object',
      properties: callFilters,
      description: 'As asked, with times in UTC.',
      examples: [{ call_type: 'middle', from: '2025-10-01T00:00:00.000000Z' }],
    }),
    rows: Type.Integer({ minimum: 0, description: 'Rows of the file.', examples: [1_795] }),
    bytes: Type.Unsafe<number | null>({
      type: ['integer', 'null'],
      description: 'Bytes of the body before Content-Encoding; null until it is complete.',
      examples: [684_112],
    }),
    sha256: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'SHA-256 of the body before Content-Encoding, in hexadecimal; null until it is complete.',
      examples: ['c0d0a1f0f2f1a9b0c5f8a0c7f4e1f5ad7d55c1c9f4f7b0f1a5b8f6c2d3e4f506'],
    }),
    first_sent_at: timeOrNull(
      'sent_at of the earliest call; null when there is none.',
      '2025-10-01T04:11:08.000000Z',
    ),
    last_sent_at: timeOrNull(
      'sent_at of the latest call; null when there is none.',
      '2025-10-22T22:54:31.000000Z',
    ),
    oldest_spooled_at: timeOrNull(
      'About when the oldest event was received that was not stored yet as the export began; null when there was none. Where this is not later than as_of, events received by then may be missing.',
      '2025-10-24T09:29:59.870000Z',
    ),
    columns: Type.Array(Type.Unsafe<Column>({ $ref: 'ExportColumn#' }), {
      description: 'In the order of the file.',
    }),
  },
  {
    $id: 'ExportManifest',
    description: `What is in an exported file. Kept in memory for the last ${MANIFESTS_KEPT} exports.`,
  },
);
export type ExportManifest = Static<typeof Manifest>;

export const ManifestPath = Type.Object({
  id: Type.String({
    description: 'X-Export-Id of the export.',
    examples: ['019a0a3e-6c1d-7000-9c3b-2f5d8e1b7a60'],
  }),
});
export type ManifestPath = Static<typeof ManifestPath>;

export const EXPORT_SCHEMAS: readonly TSchema[] = [Column, Manifest];
