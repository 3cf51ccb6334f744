/** JSON as text, and what can be wrong with a text although the value was fine. */
import fc from 'fast-check';

type Change = (text: string, at: number) => string | Buffer;

const ODD_NUMBERS = [
  '1e400',
  '-0',
  '-1e-400',
  'NaN',
  'Infinity',
  '0x1F',
  '01',
  '1.',
  '.5',
  '+1',
  '1e',
  `1${'0'.repeat(400)}`,
  `0.${'3'.repeat(400)}`,
];
const ODD_TEXTS = [
  '"\\ud800"',
  '"\\u0000"',
  '"\\x41"',
  '"a\nb"',
  "'a'",
  '"\\ud83d\\ude00"',
  'True',
  'nil',
  '/*c*/1',
];
const PROTOTYPE = [
  '"__proto__":{"call_id":"p"}',
  '"constructor":{"prototype":{"x":1}}',
  '"toString":null',
  '"__proto__":null',
];

const CHANGES: Readonly<Record<string, Change>> = {
  number: (text, at) => replaceValue(text, at, ODD_NUMBERS[at % ODD_NUMBERS.length]),
  token: (text, at) => replaceValue(text, at, ODD_TEXTS[at % ODD_TEXTS.length]),
  // Of two members of one name the last one counts.
  repeated: (text, at) => text.replace('{', `{${memberOf(text, at)},`),
  prototype: (text, at) => text.replace('{', `{${PROTOTYPE[at % PROTOTYPE.length] ?? ''},`),
  cut: (text, at) => text.slice(0, at % (text.length + 1)),
  garbage: (text) => `${text} x`,
  twice: (text) => text + text,
  comma: (text) => text.replace(/\}$/, ',}'),
  wrapped: (text) => `[${text}]`,
  spaced: (text, at) => ' \n\t\r'.repeat(at % 2_000) + text,
  bom: (text) => Buffer.from(`\ufeff${text}`),
  'two boms': (text) => `\ufeff\ufeff${text}`,
  utf16: (text) => Buffer.from(text, 'utf16le'),
  latin1: (text, at) => withBytes(text, at, [0xe9]),
  overlong: (text, at) => withBytes(text, at, [0xc0, 0x80]),
  'overlong slash': (text, at) => withBytes(text, at, [0xe0, 0x80, 0xaf]),
  surrogate: (text, at) => withBytes(text, at, [0xed, 0xa0, 0x80]),
  'too high': (text, at) => withBytes(text, at, [0xf4, 0x90, 0x80, 0x80]),
  zero: (text, at) => withBytes(text, at, [0]),
  deep: (text, at) => text.replace('{', `{"raw":${nested(at)},`),
  'deep list': (_text, at) => '['.repeat(1 + (at % 100_000)),
  'many names': (text, at) => text.replace('{', `{${manyMembers(at)},`),
  'many in raw': (text, at) => text.replace('{', `{"raw":{${manyMembers(at)}},`),
  'many users': (text, at) => text.replace('{', `{"notified_user_ids":[${manyUsers(at)}],`),
  'long text': (text, at) => text.replace('{', `{"sport":"${'x'.repeat(at % 1_200_000)}",`),
};

/** Most of what is large takes the client as long as the service: rare. */
const RARE = ['deep list', 'many names', 'many in raw', 'many users', 'long text'];
const change = fc.oneof(
  { weight: 60, arbitrary: fc.constantFrom(...Object.keys(CHANGES).filter((name) => !RARE.includes(name))) },
  { weight: 1, arbitrary: fc.constantFrom(...RARE) },
);

export interface Written {
  readonly bytes: Buffer;
  /** What was done to the text; nothing: it says the value. */
  readonly change: string | null;
}

export function written(
  value: fc.Arbitrary<unknown>,
  changedShare: { outOf: number },
): fc.Arbitrary<Written> {
  const asItIs = value.map((one): Written => ({ bytes: Buffer.from(JSON.stringify(one)), change: null }));
  const changed = fc.tuple(value, change, fc.nat()).map(([one, name, at]): Written => {
    const result = CHANGES[name]?.(JSON.stringify(one), at) ?? '';
    return { bytes: typeof result === 'string' ? Buffer.from(result) : result, change: name };
  });
  return fc.oneof({ weight: changedShare.outOf - 1, arbitrary: asItIs }, { weight: 1, arbitrary: changed });
}

/** Bytes that are most likely no JSON at all. */
export const noise: fc.Arbitrary<Buffer> = fc
  .uint8Array({ maxLength: 300 })
  .map((bytes) => Buffer.from(bytes));

function replaceValue(text: string, at: number, by = 'null'): string {
  const places = [...text.matchAll(/:("(?:[^"\\]|\\.)*"|[^{}[\]",]+)/g)];
  const place = places[at % Math.max(places.length, 1)];
  return place === undefined
    ? by
    : `${text.slice(0, place.index)}:${by}${text.slice(place.index + place[0].length)}`;
}

function memberOf(text: string, at: number): string {
  const members = [...text.matchAll(/"(?:[^"\\]|\\.)*":(?:"(?:[^"\\]|\\.)*"|[^{}[\]",]+)/g)];
  return members[at % Math.max(members.length, 1)]?.[0] ?? '"type":"call"';
}

/** Puts bytes into the text, most likely into one of its strings. */
function withBytes(text: string, at: number, bytes: readonly number[]): Buffer {
  const quote = text.indexOf('":"', at % (text.length + 1));
  const place = quote === -1 ? text.length >> 1 : quote + 3;
  return Buffer.concat([
    Buffer.from(text.slice(0, place)),
    Buffer.from(bytes),
    Buffer.from(text.slice(place)),
  ]);
}

/** One level around what is allowed, or very many. */
function nested(at: number): string {
  const depth = at % 10 === 0 ? 100_000 : 28 + (at % 8);
  return `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
}

function manyMembers(at: number): string {
  return Array.from({ length: 1 + (at % 100_000) }, (_, n) => `"k${n}":${n}`).join(',');
}

function manyUsers(at: number): string {
  return Array.from({ length: 4_990 + (at % 20) }, (_, n) => `"u${n}"`).join(',');
}
