import { Type } from 'typebox';
import type { ExportSubject } from '../../../store/read/export/export.js';
import { security } from '../../plugins/openapi.js';
import { exportHeaders, ExportQuery, FORMATS } from '../../schemas/exports.js';
import { problemResponses } from '../../schemas/problem.js';

const texts: Record<ExportSubject, { summary: string; rows: string }> = {
  calls: {
    summary: 'A training set: one row per call',
    rows: 'What was known when the call was sent (features), then what came of it (columns label_…), and is_settled. Calls without a result are rows, too.',
  },
  clicks: {
    summary: 'One row per click, with its call',
    rows: 'The click, and what was known when its call was sent.',
  },
};

export function exportSchema(subject: ExportSubject): object {
  const { summary, rows } = texts[subject];
  return {
    tags: ['exports'],
    security,
    summary,
    description: `${rows} Every row is of one moment, sorted by sent_at and ids: the same question with the same as_of gives the same bytes, as long as no call is deleted. Streamed at the pace of the client, compressed when Accept-Encoding takes gzip (but for parquet, which is compressed inside). A connection that ends before the body does means that the file is not whole; who reads nothing for five minutes is cut off. The manifest tells the columns and the checksum.`,
    querystring: ExportQuery,
    response: {
      200: {
        description: 'The file.',
        headers: exportHeaders,
        content: Object.fromEntries(
          Object.values(FORMATS).map(({ mediaType, description }) => [
            mediaType,
            { schema: Type.Unsafe({ type: 'string', description }) },
          ]),
        ),
      },
      ...problemResponses(
        '400: a parameter or value that is not known, or an as_of in the future. 401, 403.',
        '503 with Retry-After: too many exports are running, or the database cannot be reached.',
      ),
    },
  };
}
