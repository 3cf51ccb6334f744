import t from 'tap';
import { Check } from 'typebox/value';
import { EVENT_SCHEMAS } from '../../src/events/schemas.js';
import { mistakes, send } from './events.js';
import type { Body } from './events.js';

interface Documented {
  $id: string;
  description: string;
  examples: Body[];
  additionalProperties: boolean;
  required?: string[];
  properties: Record<string, { description?: string; examples?: unknown[]; type?: string | string[] }>;
}

// As a document shows them: plain JSON, without anything that only TypeBox sees.
const SCHEMAS = (JSON.parse(JSON.stringify(EVENT_SCHEMAS)) as Documented[]).filter(
  ({ $id }) => $id !== 'Event',
);

t.test('every field says what it means and shows values that the schema takes', async (t) => {
  for (const { $id, properties, additionalProperties } of SCHEMAS) {
    t.equal(additionalProperties, false);
    for (const [name, field] of Object.entries(properties)) {
      t.ok(field.description, `${$id} ${name}`);
      t.ok(field.examples !== undefined && field.examples.length > 0, `${$id} ${name}`);
      for (const example of field.examples ?? [])
        t.ok(Check(field, example), `${$id} ${name} ${String(example)}`);
    }
  }
});

t.test('whatever may be absent may be null, and nothing else', async (t) => {
  for (const { $id, properties, required = [] } of SCHEMAS) {
    for (const [name, field] of Object.entries(properties))
      t.equal(Check(field, null), !required.includes(name), `${$id} ${name}`);
  }
});

t.test('the examples of the documents are events that are accepted', async (t) => {
  const types: Record<string, 'call' | 'click' | 'result'> = {
    Call: 'call',
    Click: 'click',
    Result: 'result',
  };
  for (const { $id, examples } of SCHEMAS) {
    const type = types[$id];
    const beside = type === undefined ? {} : { type, ...(type === 'call' ? {} : { pathCallId: 'c-1' }) };
    for (const example of examples) t.same(mistakes(send(example, beside)), [], $id);
  }
});
