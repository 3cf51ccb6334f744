/** Paths, queries and headers of the operations of the document: right, nearly right, and absurd. */
import fc from 'fast-check';
import type { Parameter, Reference } from '../../../src/http/document/model.js';
import { type Schema, type Schemas, valuesOf } from './from-schema.js';
import { asLatin1, type Header, percentEncoded } from './request.js';
import * as values from './values.js';

export type Known = Parameter & { readonly schema: Schema; readonly required?: boolean };

export function isKnown(parameter: Parameter | Reference): parameter is Known {
  return 'in' in parameter && 'schema' in parameter;
}

const DIMENSIONS = [
  'sport',
  'book',
  'book_pair',
  'match',
  'user',
  'hour',
  'weekday',
  'day',
  'roi_band',
  'outcome',
];
const MEASURES = [
  'calls',
  'clicks',
  'conversion_percent',
  'avg_roi_percent',
  'profit_actual',
  'median_seconds_alive',
];
const list = (names: readonly string[]): fc.Arbitrary<string> =>
  fc.subarray([...names], { minLength: 1, maxLength: 3 }).map((some) => some.join(','));

/** What the schema leaves to words. */
const IN_WORDS: Readonly<Record<string, fc.Arbitrary<string>>> = {
  group_by: list(DIMENSIONS),
  measures: list(MEASURES),
  sort: fc.constantFrom('-calls', 'calls', '-avg_roi_percent', 'sport', 'calls,sport', '--calls'),
  tz: fc.constantFrom(
    'UTC',
    'Europe/Paris',
    'America/St_Johns',
    'Europe/Berlinn',
    'europe/paris',
    '+02:00',
    '../UTC',
  ),
  from: values.time,
  to: values.time,
  as_of: values.time,
  cursor: fc.constantFrom('{{cursor}}', '{{cursor}}', '{{cursor}}x', 'AAAA', '-_'),
  'accept-encoding': fc.constantFrom('gzip', 'gzip;q=0', '*', 'br, gzip;q=0.5', ';;;', 'gzip;q=x'),
  range: fc.constantFrom(
    'bytes=0-9',
    'bytes=-1',
    'bytes=5-',
    'bytes=9-0',
    'bytes=0-0,1-2',
    'bytes=99999999999999999999-',
    'lines=1-2',
  ),
  'if-none-match': fc.constantFrom('*', 'W/"x"', '"x", ,', 'W/'),
  'if-range': fc.constantFrom('"x"', 'W/"x"', 'Sat, 21 Nov 2026 00:00:00 GMT', '*'),
  'idempotency-key': values.id.map(asLatin1),
  'x-request-id': fc.constantFrom('abc', 'a'.repeat(65), 'é', '{{admin}}', ' '),
  'content-encoding': fc.constantFrom('identity'),
};

const IDS: Readonly<Record<string, string>> = {
  '/v1/calls/{call_id}': '{{call}}',
  '/v1/exports/manifests/{id}': '{{export}}',
  '/v1/admin/backups/{id}': '{{backup}}',
  '/v1/admin/dead-letters/{id}': '{{letter}}',
};

/** The path with something for its parameter: most often an id that is there. */
export function targetsOf(path: string): fc.Arbitrary<string> {
  const name = /\{\w+\}/.exec(path)?.[0];
  if (name === undefined) return fc.constant(path);
  const token = Object.entries(IDS).find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'x';
  const spelt = fc.oneof(
    { weight: 5, arbitrary: fc.constant(token) },
    { weight: 4, arbitrary: values.id.map(percentEncoded) },
    { weight: 3, arbitrary: values.text.map(percentEncoded) },
    { weight: 1, arbitrary: values.text.map(asLatin1) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '%',
        '%zz',
        '%ff',
        '%c0%af',
        '%ed%a0%80',
        '%00',
        '%2e%2e%2f',
        '%u0041',
        '..;',
        '//',
      ),
    },
  );
  return spelt.map((id) => path.replace(name, () => id));
}

/** A query that the document asks for, or one with a mistake. */
export function queriesOf(parameters: readonly Known[], schemas: Schemas): fc.Arbitrary<string> {
  const pairs = parameters
    .filter((parameter) => parameter.in === 'query')
    .map((parameter) => pairsOf(parameter, schemas));
  const right =
    pairs.length === 0 ? fc.constant<readonly Pair[]>([]) : fc.tuple(...pairs).map((all) => all.flat());
  const mistake = fc.tuple(fc.constantFrom('replace', 'repeat', 'add', 'noise'), values.text, values.text);
  return fc
    .tuple(right, fc.option(mistake, { freq: 1 }))
    .map(([query, wrong]) => spelt(wrong === null ? query : withMistake(query, wrong)));
}

type Pair = readonly [name: string, value: string];

/** Of those that need not be there, few at a time. */
function pairsOf({ name, schema, required }: Known, schemas: Schemas): fc.Arbitrary<readonly Pair[]> {
  const value = (IN_WORDS[name] ?? valuesOf(schema, schemas)).map((one): readonly Pair[] => [
    [name, String(one)],
  ]);
  return required === true ? value : fc.oneof({ weight: 9, arbitrary: fc.constant([]) }, value);
}

function withMistake(
  query: readonly Pair[],
  [kind, name, value]: readonly [string, string, string],
): readonly Pair[] {
  if (kind === 'add') return [...query, [name, value]];
  if (kind === 'noise')
    return [
      [name, value],
      ['', ''],
      [name, name],
    ];
  const first = query[0] ?? ['limit', '1'];
  return kind === 'repeat' ? [...query, first] : [[first[0], value], ...query.slice(1)];
}

function spelt(query: readonly Pair[]): string {
  if (query.length === 0) return '';
  const pairs = query.map(([name, value]) =>
    // A token is filled in later, and is no text to be encoded.
    value.includes('{{')
      ? `${percentEncoded(name)}=${value}`
      : `${percentEncoded(name)}=${percentEncoded(value)}`,
  );
  return `?${pairs.join('&')}`;
}

/** Headers that the operation knows, each seldom. */
export function headersOf(parameters: readonly Known[]): fc.Arbitrary<readonly Header[]> {
  const known = [
    ...parameters.filter((parameter) => parameter.in === 'header').map(({ name }) => name.toLowerCase()),
  ];
  const some = ['x-request-id', ...known].filter(
    (name) => !name.startsWith('ce-') && name !== 'content-encoding',
  );
  const headers = some.map((name) =>
    fc.oneof(
      { weight: 12, arbitrary: fc.constant<readonly Header[]>([]) },
      {
        weight: 2,
        arbitrary: (IN_WORDS[name] ?? values.id).map((value): readonly Header[] => [[name, value]]),
      },
      { weight: 1, arbitrary: values.text.map((text): readonly Header[] => [[name, headerText(text)]]) },
    ),
  );
  return fc.tuple(...headers).map((all) => all.flat());
}

/** As it may stand in a header: no line ends, and short of what all headers together may have. */
function headerText(text: string): string {
  return asLatin1(text)
    .replace(/[\0-\x1f\x7f]/g, '')
    .slice(0, 2_000);
}
