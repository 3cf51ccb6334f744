/** Values from the JSON schemas of the OpenAPI document: such as it asks for, and such as are wrong in one place. */
import fc from 'fast-check';
import { type Schema as DocumentSchema, schemaAt } from '../../../src/http/document/model.js';
import { isJsonObject } from '../../../src/lib/json-value.js';
import * as values from './values.js';

/** The keywords of the document that say what a value may be. */
export interface Schema extends DocumentSchema {
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly required?: readonly string[];
}
export type Schemas = Readonly<Record<string, Schema>>;

const MAX_ITEMS = 6;
const SAMPLE = 'com.example.';

/** Values that the schema takes; rules that no schema can tell, across fields or against the clock, may refuse them. */
export function valuesOf(schema: Schema, schemas: Schemas): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return valuesOf(schemaAt(schema.$ref, schemas) ?? {}, schemas);
  const choice = schema.oneOf ?? schema.anyOf;
  if (choice !== undefined) return fc.oneof(...choice.map((one) => valuesOf(one, schemas)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const types = [schema.type ?? 'object'].flat().map((type) => valuesOfType(type, schema, schemas));
  const [first, ...others] = types;
  // Null is the rarer: an event of nothing but nulls says little.
  return first === undefined ? fc.constant(null) : fc.oneof({ weight: 6, arbitrary: first }, ...others);
}

function valuesOfType(type: string, schema: Schema, schemas: Schemas): fc.Arbitrary<unknown> {
  const { minimum = -1e9, maximum = 1e9 } = schema;
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.oneof(
        fc.integer({ min: minimum, max: Math.min(maximum, 50) }),
        fc.constantFrom(minimum, maximum),
      );
    case 'number':
      return fc.oneof(
        fc.integer({ min: Math.max(minimum, -500), max: Math.min(maximum, 500) }),
        fc.double({ min: minimum, max: maximum, noNaN: true }),
        fc.constantFrom(minimum, maximum),
      );
    case 'array':
      return fc.uniqueArray(valuesOf(schema.items ?? {}, schemas), { maxLength: MAX_ITEMS });
    case 'object':
      return objects(schema, schemas);
    default:
      return texts(schema);
  }
}

function texts({ pattern, format, minLength = 0, maxLength = 256 }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') return values.time;
  if (format === 'date') return values.time.map((time) => time.slice(0, 10));
  if (pattern?.includes('call|click|result') === true)
    return fc.constantFrom('call', `${SAMPLE}click`, 'result');
  if (pattern !== undefined) return values.id;
  return fc
    .oneof(
      fc.constantFrom('soccer', 'bet365', "O'Neill & Söhne", 'u1'),
      fc.string({ unit: 'grapheme-composite' }),
    )
    .map((text) => text.replaceAll('\u0000', '').slice(0, maxLength).padEnd(minLength, 'x'));
}

function objects({ properties = {}, required = [] }: Schema, schemas: Schemas): fc.Arbitrary<object> {
  const members = Object.entries(properties);
  if (members.length === 0) return fc.dictionary(fc.string(), values.json, { maxKeys: 4 });
  return fc.record(Object.fromEntries(members.map(([name, member]) => [name, valuesOf(member, schemas)])), {
    requiredKeys: [...required],
    noNullPrototype: true,
  });
}

/** The same values, each with a mistake somewhere at the top: a field gone, renamed, added, or with anything for its value. */
export function nearly(of: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const mistake = fc.tuple(
    fc.nat(),
    fc.constantFrom('remove', 'rename', 'add', 'replace', 'replace', 'replace'),
    values.text,
    fc.oneof(values.json, values.noTime),
  );
  return fc.tuple(of, mistake).map(([value, [at, kind, name, other]]) => {
    if (!isJsonObject(value)) return other;
    const entries = Object.entries(value);
    const entry = entries[at % Math.max(entries.length, 1)];
    if (kind === 'add' || entry === undefined) return Object.fromEntries([...entries, [name, other]]);
    return Object.fromEntries(
      entries.flatMap(([key, member]): [string, unknown][] => {
        if (key !== entry[0]) return [[key, member]];
        if (kind === 'remove') return [];
        return [kind === 'rename' ? [misspelt(key), member] : [key, other]];
      }),
    );
  });
}

/** As another language or a tired person would write it. */
function misspelt(name: string): string {
  return name.includes('_')
    ? name.replace(/_(.)/g, (_all, letter: string) => letter.toUpperCase())
    : `${name.slice(1)}${name.slice(0, 1)}`;
}
