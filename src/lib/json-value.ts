/** JSON as it arrives: objects by name, strings, and the strings that no database of Unicode text can hold. */

export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value that was parsed from JSON is an object, neither null nor a list. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** The string as JSON, exactly as JSON.stringify writes it but without its cost for ordinary text. */
export function quoteJson(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** As `quoteJson`, in one look at the text; undefined when it is not storable. */
export function quoteStorable(text: string): string | undefined {
  if (!NEEDS_ESCAPE.test(text)) return `"${text}"`;
  return isStorableText(text) ? JSON.stringify(text) : undefined;
}

/** Whether the text has neither U+0000 nor half of a surrogate pair. */
export function isStorableText(text: string): boolean {
  return !NEEDS_ESCAPE.test(text) || (!text.includes('\u0000') && !LONE_SURROGATE.test(text));
}
