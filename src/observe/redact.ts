type Fields = Record<string, unknown>;

/** In lower case. */
const SECRETS: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'cookie',
  'password',
  'secret',
  'databaseurl',
  'verifydatabaseurl',
  'connectionstring',
]);
/** Nothing that is logged on purpose is nested deeper. */
const MAX_DEPTH = 4;

/**
 * The fields with everything taken out that stands under the name of a secret; the same object when there is nothing of
 * it. pino's own redaction costs 8 µs a line with wildcards, a tenth of what a whole request does; this costs 1 µs.
 */
export function redact(fields: Fields, depth = MAX_DEPTH): Fields {
  let copy: Fields | undefined;
  for (const [name, value] of Object.entries(fields)) {
    const clean = SECRETS.has(name.toLowerCase()) ? '[redacted]' : redactValue(value, depth - 1);
    if (clean !== value) (copy ??= { ...fields })[name] = clean;
  }
  return copy ?? fields;
}

function redactValue(value: unknown, depth: number): unknown {
  if (Array.isArray(value)) return depth === 0 ? value : value.map((item) => redactValue(item, depth - 1));
  return isPlain(value) && depth > 0 ? redact(value, depth) : value;
}

/** Objects of classes, such as errors, have serializers of their own. */
function isPlain(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
