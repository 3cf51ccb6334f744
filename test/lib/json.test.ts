import fc from 'fast-check';
import t from 'tap';
import { parse } from 'yaml';
import { addDecimals } from '../../src/lib/decimal.js';
import { canonicalJson } from '../../src/lib/json-canonical.js';
import { jsonPointer } from '../../src/lib/json-pointer.js';
import { isStorableText, quoteJson } from '../../src/lib/json-value.js';
import { nearestName } from '../../src/lib/nearest-name.js';
import { uuidV7 } from '../../src/lib/uuid.js';
import { toYaml } from '../../src/lib/yaml.js';

const WIDE = { maxDepth: 100, maxBytes: 1e6 };

t.test('canonical JSON reads back as the value, with names in order and no space', async (t) => {
  t.same(canonicalJson({ b: [1, { d: -0, c: 'é"' }], a: null, 10: true, 9: 1e21 }, WIDE), {
    ok: true,
    text: '{"10":true,"9":1e+21,"a":null,"b":[1,{"c":"é\\"","d":0}]}',
  });
  // Binary text holds U+0000 now and then; such a value, and no other, is refused.
  const values = fc.jsonValue({ stringUnit: 'binary' });
  fc.assert(
    fc.property(values, (value) => {
      const result = canonicalJson(value, WIDE);
      if (!result.ok) return result.problem === 'invalid_character' && holdsNul(value);
      return (
        !holdsNul(value) && JSON.stringify(sorted(value)) === JSON.stringify(sorted(JSON.parse(result.text)))
      );
    }),
    { numRuns: 2000, examples: [['\0'], [{ a: [{ '\0': 1 }] }], ['\\u0000']] },
  );
});

function holdsNul(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\0');
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, member]) => name.includes('\0') || holdsNul(member));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => [name, sorted(member)]);
}

t.test('canonical JSON ends at its limits, to the byte and to the level', async (t) => {
  t.ok(canonicalJson('é', { maxDepth: 1, maxBytes: 4 }).ok);
  t.same(canonicalJson('éé', { maxDepth: 1, maxBytes: 5 }), { ok: false, problem: 'too_large', path: [] });
  t.ok(canonicalJson([1, 2], { maxDepth: 1, maxBytes: 5 }).ok);
  t.notOk(canonicalJson([1, 2], { maxDepth: 1, maxBytes: 4 }).ok);
  t.ok(canonicalJson({ a: 1, b: 2 }, { maxDepth: 1, maxBytes: 13 }).ok);
  t.notOk(canonicalJson({ a: 1, b: 2 }, { maxDepth: 1, maxBytes: 12 }).ok);
  t.same(canonicalJson({ a: [[1]] }, { maxDepth: 2, maxBytes: 99 }), {
    ok: false,
    problem: 'too_deep',
    path: ['a', 0],
  });
  t.same(canonicalJson([undefined], WIDE), { ok: false, problem: 'wrong_type', path: [0] });
});

t.test('a string is quoted as JSON.stringify does, and known to be storable or not', async () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)) }), (text) => {
      const lone = Buffer.from(text).toString() !== text;
      return (
        quoteJson(text) === JSON.stringify(text) && isStorableText(text) === !(lone || text.includes('\0'))
      );
    }),
  );
});

t.test('a JSON pointer is escaped, and ends before names that are too long or unprintable', async (t) => {
  t.equal(jsonPointer(), '');
  t.equal(jsonPointer('raw', 'a/b', 'm~n', 0, ''), '/raw/a~1b/m~0n/0/');
  t.equal(jsonPointer('raw', 'x'.repeat(200), 'a'), '/raw');
  t.equal(jsonPointer('raw', '\u0000'), '/raw');
});

t.test('decimals add up as on paper', async (t) => {
  t.equal(addDecimals(0.1, 0.2), 0.3);
  t.equal(addDecimals(1.005, 2.01, -0.005), 3.01);
  t.equal(addDecimals(1e21, 1e-7), 1e21);
  t.equal(addDecimals(-0.1, 0.1), 0);
  t.equal(addDecimals(5e-324, 0), 5e-324);
  const cents = fc.integer({ min: -1e9, max: 1e9 });
  fc.assert(fc.property(cents, cents, (a, b) => addDecimals(a / 100, b / 100) === (a + b) / 100 + 0));
});

t.test('the nearest name forgives typing mistakes and case, and does not guess beyond', async (t) => {
  const names = ['odds_a', 'odds_b', 'market', 'sport'];
  t.equal(nearestName('odd_a', names), 'odds_a');
  t.equal(nearestName('oddsB', names), 'odds_b');
  t.equal(nearestName('sprot', names), 'sport');
  t.equal(nearestName('xyz', names), undefined);
  t.equal(nearestName('', names), undefined);
  t.equal(nearestName('market'.repeat(1000), names), undefined);
});

t.test(
  'UUIDs of version 7 carry their time and sort as they were made, whatever the clock does',
  async (t) => {
    const start = Date.now() + 1_000_000;
    const first = uuidV7(start);
    t.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    t.equal(Number.parseInt(first.replace('-', '').slice(0, 12), 16), start);
    const ids = Array.from({ length: 10_000 }, (_, index) => uuidV7(start - (index % 3)));
    t.same(ids, [...new Set(ids)].sort());
  },
);

t.test('YAML says what the JSON says, whatever a text looks like', async (t) => {
  const read = (value: unknown): unknown => parse(toYaml(value), { maxAliasCount: 0 });
  const words = [
    '',
    'no',
    'NULL',
    'y',
    '1e3',
    '0x1f',
    '2025-10-22',
    '-',
    '? a',
    'a: b',
    'a #b',
    '*a',
    '&a',
    '|',
    '~',
  ];
  const lines = [
    'a\nb',
    ' a\nb',
    'a\n b',
    'a \nb',
    'a\n\n\nb',
    'a\n',
    '\na',
    'a\r\nb',
    'a\tb\nc',
    '- a\n- b',
    '# a\n# b',
  ];
  for (const value of [...words, ...lines, [], {}, null, 1e-7, -0.5, true]) {
    for (const place of [
      value,
      [value],
      [[value]],
      { a: value },
      [{ a: value, b: [value] }],
      { a: { b: value } },
    ])
      t.strictSame(read(place), place, JSON.stringify(place));
  }
  // -0 is 0 in JSON; a member __proto__ is none for the reader.
  const plain = fc
    .jsonValue({ stringUnit: 'binary' })
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  const noProto = plain.filter((value) => !JSON.stringify(value).includes('__proto__'));
  fc.assert(
    fc.property(noProto, (value) => {
      t.strictSame(read(value), value);
    }),
  );
});
