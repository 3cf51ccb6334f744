/** Values nobody expects: texts, ids, numbers and JSON that have broken something somewhere before. */
import fc from 'fast-check';

/** Of one character in another spelling: equal to people, different bytes. */
const SPELLINGS = [
  '\u00e9',
  'e\u0301',
  '\u212b',
  '\u00c5',
  'A\u030a',
  '\ufb01',
  'fi',
  '\u1e9e',
  'ss',
  'ı',
  'İ',
];
const PROTOTYPE = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'];
const PATHS = [
  '../',
  '../../etc/passwd',
  '..',
  '.',
  '%00',
  '%2e%2e',
  '%2e%2e%2f',
  '%252e',
  '/',
  '\\',
  'a/b',
  '#',
  '?',
];
const INVISIBLE = [
  '',
  ' ',
  '\t',
  '\u0000',
  '\u00a0',
  '\u200b',
  '\u202e',
  '\u2028',
  '\ufeff',
  '\u007f',
  '\ufffe',
  '\u{e0001}',
];
const HALVES = ['\ud800', '\udc00', 'a\ud83d', '\udc00\ud800'];
const WORDS = [
  'null',
  'true',
  'NaN',
  'undefined',
  '[object Object]',
  '1e400',
  '-0',
  '0x10',
  '１',
  "'; drop table calls; --",
];
const FORMATS = [
  '%s%n',
  '{{7*7}}',
  '${jndi:ldap://x}',
  '<script>',
  '\r\nSet-Cookie: a=b',
  '$1',
  '\\u0000',
  '=1+1',
];
const LONG = [127, 128, 129, 255, 256, 257, 5_000].flatMap((length) => [
  'a'.repeat(length),
  '😀'.repeat(length),
]);

const KNOWN_TO_HURT = [
  ...SPELLINGS,
  ...PROTOTYPE,
  ...PATHS,
  ...INVISIBLE,
  ...HALVES,
  ...WORDS,
  ...FORMATS,
  ...LONG,
];

export const text: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...KNOWN_TO_HURT) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 300 }) },
);

/** Ids that events may have, of which some are only one keystroke or one Unicode form from another. */
export const id: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.uuid() },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      'c1',
      'C1',
      ...SPELLINGS,
      ...PROTOTYPE,
      '..',
      '.',
      '-',
      '~',
      ':',
      '&',
      "'",
      '"',
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('a'.repeat(128), '😀'.repeat(128), '()*,;=@!$+', 'ａ', 'שלום', 'مرحبا'),
  },
);

export const number: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(
    0,
    -0,
    1,
    -1,
    0.1,
    1e9,
    -1e9,
    1e9 + 1,
    1.000001,
    99.99,
    -100,
    100,
    2 ** 31,
    2 ** 53,
    2 ** 63,
  ),
  fc.constantFrom(5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, Number.EPSILON, 1e21, 123456789.123456789),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
);

export const time: fc.Arbitrary<string> = fc.oneof(
  fc
    .date({ min: new Date('1970-01-01'), max: new Date('2025-12-31'), noInvalidDate: true })
    .map((date) => date.toISOString()),
  fc.constantFrom('0001-01-01T00:00:00Z', '2025-08-17t10:00:00.123456z', '2024-02-29T23:59:59.999999+14:00'),
);

/** As times, and none: of no calendar, of no clock, of the far future, and what other languages write. */
export const noTime: fc.Arbitrary<string> = fc.constantFrom(
  '2025-02-29T00:00:00Z',
  '2025-10-22 05:00:00Z',
  '2025-10-22T05:00:00',
  '2025-10-22T24:00:00Z',
  '2016-12-31T23:59:60Z',
  '2025-10-22T05:00:00.1234567Z',
  '9999-12-31T23:59:59.999999-23:59',
  '0000-01-01T00:00:00Z',
  '+010000-01-01T00:00:00Z',
  '٢٠٢٥-١٠-٢٢T05:00:00Z',
  'infinity',
  'now()',
  '1e3',
);

/** Any JSON, with names and texts that hurt. */
export const json: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: false },
    { weight: 2, arbitrary: fc.constantFrom(null, true, false, [], {}) },
    { weight: 3, arbitrary: text },
    { weight: 3, arbitrary: number },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
    { weight: 2, arbitrary: tie('object') },
  ),
  object: fc
    .array(fc.tuple(text, tie('value')), { maxLength: 4 })
    // Not by assignment, which would set the prototype.
    .map((entries) => Object.fromEntries(entries)),
})).value;
