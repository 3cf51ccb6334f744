/** The headers that clients may build on, under the names they have in the document. */

interface HeaderFacts {
  readonly description: string;
  readonly schema: object;
  readonly example: unknown;
  /** Not always there, even in answers that list it. */
  readonly optional?: true;
}

const text = { type: 'string' };
const EXPORT_ID = '019a0a3e-6c1d-7000-9c3b-2f5d8e1b7a60';

export const HEADERS = {
  'X-Request-Id': {
    description: 'Names this request in our log: the id that came with it, or a new one.',
    schema: text,
    example: '9f2c41d07ae3-1k',
  },
  Location: {
    description: 'Where to read what was sent or begun.',
    schema: text,
    example: '/v1/calls/oa-NHL-20251022-cd7d985f34',
  },
  'Retry-After': {
    description: 'In how many seconds the same request may be answered.',
    schema: { type: 'integer', minimum: 1 },
    example: 1,
  },
  'WWW-Authenticate': {
    description: 'How to send a key; error="invalid_token" when one came that is not known.',
    schema: text,
    example: 'Bearer realm="call-logger"',
  },
  'Accept-Encoding': {
    description: 'How a body may be encoded; only where that was what was wrong.',
    schema: text,
    example: 'gzip, identity',
    optional: true,
  },
  'Accept-Ranges': {
    description: 'That parts of the file can be asked for.',
    schema: { type: 'string', enum: ['bytes'] },
    example: 'bytes',
  },
  'Content-Range': {
    description: 'Which bytes of the file these are, and how many it has.',
    schema: text,
    example: 'bytes 1048576-2097151/6291456',
  },
  ETag: {
    description: 'Names this content, for If-None-Match or If-Range.',
    schema: text,
    example: '"c0d0a1f0f2f1a9b0c5f8a0c7f4e1f5ad7d55c1c9f4f7b0f1a5b8f6c2d3e4f506"',
  },
  'X-Backup-Sha256': {
    description: 'SHA-256 of the whole file, in hexadecimal.',
    schema: text,
    example: 'c0d0a1f0f2f1a9b0c5f8a0c7f4e1f5ad7d55c1c9f4f7b0f1a5b8f6c2d3e4f506',
  },
  'Content-Disposition': {
    description: 'The name of the file.',
    schema: text,
    example: 'attachment; filename="call-logger-calls-20251023T000000Z.csv"',
  },
  'Cache-Control': { description: 'Who may keep a copy.', schema: text, example: 'no-store' },
  Vary: {
    description: 'That the answer may be compressed or not.',
    schema: text,
    example: 'Accept-Encoding',
    optional: true,
  },
  Link: {
    description: 'Where the manifest is.',
    schema: text,
    example: `</v1/exports/manifests/${EXPORT_ID}>; rel="describedby"`,
  },
  'X-Export-Id': {
    description: 'Id of this export, for its manifest.',
    schema: text,
    example: EXPORT_ID,
  },
  'X-Export-Rows': {
    description: 'Rows of the file.',
    schema: { type: 'integer', minimum: 0 },
    example: 1_795,
  },
  'X-Export-Sha256': {
    description:
      'A trailer, which comes after the body: SHA-256 of the body before Content-Encoding, in hexadecimal. Also in the manifest.',
    schema: text,
    example: 'c0d0a1f0f2f1a9b0c5f8a0c7f4e1f5ad7d55c1c9f4f7b0f1a5b8f6c2d3e4f506',
    optional: true,
  },
} satisfies Record<string, HeaderFacts>;

export type HeaderName = keyof typeof HEADERS;

/** For the response schema of a route; `finish` puts the reference to the component in its place. */
export function headers(...names: HeaderName[]): { headers?: Record<string, object> } {
  if (names.length === 0) return {};
  return { headers: Object.fromEntries(names.map((name) => [name, {}])) };
}

export function headerReferences(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

export function headerComponents(): Record<string, object> {
  const all: [string, HeaderFacts][] = Object.entries(HEADERS);
  return Object.fromEntries(
    all.map(([name, { optional, ...facts }]) => [
      name,
      optional === true ? facts : { ...facts, required: true },
    ]),
  );
}
