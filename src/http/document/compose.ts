import { type Schema, schemaAt } from './model.js';

/**
 * A whole example of what a schema describes, put together from the examples of its parts.
 * @returns undefined where a part has none
 */
export function compose(schema: Schema, components: Readonly<Record<string, Schema>>): unknown {
  const { $ref, examples, properties, items } = schema;
  if (examples !== undefined) return examples[0];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  if ($ref !== undefined) {
    const target = schemaAt($ref, components);
    return target && compose(target, components);
  }
  if (items !== undefined) {
    const item = compose(items, components);
    return item === undefined ? undefined : [item];
  }
  return properties && composeObject(properties, components);
}

function composeObject(
  properties: Readonly<Record<string, Schema>>,
  components: Readonly<Record<string, Schema>>,
): object | undefined {
  const whole: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(properties)) {
    whole[name] = compose(member, components);
    if (whole[name] === undefined) return undefined;
  }
  return whole;
}
