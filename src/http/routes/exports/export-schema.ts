import { Type } from 'typebox';
import type { ExportSubject } from '../../../store/read/export/export.js';
import { type HeaderName, headers } from '../../document/headers.js';
import { READING, problems } from '../../document/problems.js';
import { needs } from '../../plugins/openapi.js';
import { ExportHeaders, ExportQuery, FORMATS } from '../../schemas/exports.js';

const HEADERS_OF_FILE: readonly HeaderName[] = [
  'Cache-Control',
  'Content-Disposition',
  'Link',
  'Vary',
  'X-Export-Id',
  'X-Export-Rows',
  'X-Export-Sha256',
];

const texts: Record<ExportSubject, { operationId: string; summary: string; rows: string }> = {
  calls: {
    operationId: 'exportCalls',
    summary: 'A training set: one row per call',
    rows: 'What was known when the call was sent (features), then what came of it (columns label_…), and is_settled. Calls without a result are rows, too.',
  },
  clicks: {
    operationId: 'exportClicks',
    summary: 'One row per click, with its call',
    rows: 'The click, and what was known when its call was sent.',
  },
};

export function exportSchema(subject: ExportSubject): object {
  const { operationId, summary, rows } = texts[subject];
  return {
    tags: ['exports'],
    operationId,
    security: needs('read'),
    summary,
    description: `${rows} Every row is of one moment, sorted by sent_at and ids: the same question with the same as_of gives the same bytes, as long as no call is deleted. Streamed at the pace of the client, compressed when Accept-Encoding takes gzip (but for parquet, which is compressed inside). A connection that ends before the body does means that the file is not whole; who reads nothing for five minutes is cut off. The manifest tells the columns and the checksum.`,
    headers: ExportHeaders,
    querystring: ExportQuery,
    ...problems(['exports_busy', ...READING]),
    response: {
      200: {
        description: 'The file.',
        ...headers(...HEADERS_OF_FILE),
        content: Object.fromEntries(
          Object.values(FORMATS).map(({ mediaType, description }) => [
            mediaType,
            { schema: Type.Unsafe({ type: 'string', description }) },
          ]),
        ),
      },
    },
  };
}
