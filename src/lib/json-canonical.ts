/**
 * Canonical JSON of a value that somebody else sent: names sorted by UTF-16 code unit, no white space, numbers as
 * JSON.stringify writes them (1.0 and 1 are one text, -0 is 0). For values without duplicate names this is RFC 8785.
 *
 * The input may be hostile: the recursion ends at `maxDepth`, and the work at `maxBytes` whatever the input's size.
 */
import { quoteStorable } from './json-value.js';

export interface JsonLimits {
  /** Levels of objects and arrays; the value itself is the first. */
  readonly maxDepth: number;
  /** Bytes of the canonical text in UTF-8. */
  readonly maxBytes: number;
}

export type JsonProblem = 'too_deep' | 'too_large' | 'not_finite' | 'invalid_character' | 'wrong_type';

export type CanonicalJson =
  | { readonly ok: true; readonly text: string }
  /** `path` leads to the value that cannot be kept; a name with an invalid character ends it. */
  | { readonly ok: false; readonly problem: JsonProblem; readonly path: readonly (string | number)[] };

/** Never throws: what is no JSON value at all (undefined, a function) is the problem `wrong_type`. */
export function canonicalJson(value: unknown, limits: JsonLimits): CanonicalJson {
  const walk: Walk = { ...limits, charactersLeft: limits.maxBytes, problem: undefined, path: [] };
  const text = write(value, 1, walk);
  // UTF-16 units are never more than UTF-8 bytes, so the walk has only let pass what may still be too many bytes.
  if (text !== undefined && Buffer.byteLength(text) <= limits.maxBytes) return { ok: true, text };
  const problem = walk.problem ?? 'too_large';
  return { ok: false, problem, path: problem === 'too_large' ? [] : walk.path.reverse() };
}

interface Walk extends JsonLimits {
  charactersLeft: number;
  problem: JsonProblem | undefined;
  /** Filled on the way back out of the recursion, innermost first. */
  readonly path: (string | number)[];
}

function write(value: unknown, depth: number, walk: Walk): string | undefined {
  switch (typeof value) {
    case 'string':
      if (value.length > walk.charactersLeft) return stop(walk, 'too_large');
      return spendText(walk, value);
    case 'number':
      return Number.isFinite(value) ? spend(walk, String(value)) : stop(walk, 'not_finite');
    case 'boolean':
      return spend(walk, String(value));
    case 'object':
      if (value === null) return spend(walk, 'null');
      if (depth > walk.maxDepth) return stop(walk, 'too_deep');
      return Array.isArray(value) ? writeArray(value, depth, walk) : writeObject(value, depth, walk);
    default:
      return stop(walk, 'wrong_type');
  }
}

function writeArray(items: readonly unknown[], depth: number, walk: Walk): string | undefined {
  if (spend(walk, '[]') === undefined) return undefined;
  let text = '';
  for (const [index, item] of items.entries()) {
    const written = write(item, depth + 1, walk);
    if (written === undefined) {
      walk.path.push(index);
      return undefined;
    }
    text += index === 0 ? written : `,${written}`;
  }
  return `[${text}]`;
}

function writeObject(object: object, depth: number, walk: Walk): string | undefined {
  if (spend(walk, '{}') === undefined) return undefined;
  const entries: [string, unknown][] = Object.entries(object);
  // Before sorting: each entry takes at least its quotes, a colon and one character.
  if (entries.length * 4 > walk.charactersLeft) return stop(walk, 'too_large');
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  let text = '';
  for (const [name, value] of entries) {
    const key = write(name, depth, walk);
    const written = key === undefined ? undefined : write(value, depth + 1, walk);
    if (key === undefined || written === undefined) {
      walk.path.push(name);
      return undefined;
    }
    text += text === '' ? `${key}:${written}` : `,${key}:${written}`;
  }
  return `{${text}}`;
}

function spendText(walk: Walk, text: string): string | undefined {
  const quoted = quoteStorable(text);
  return quoted === undefined ? stop(walk, 'invalid_character') : spend(walk, quoted);
}

/** Counts the text against the limit; commas and colons are counted at the end only. */
function spend(walk: Walk, text: string): string | undefined {
  walk.charactersLeft -= text.length;
  return walk.charactersLeft < 0 ? stop(walk, 'too_large') : text;
}

function stop(walk: Walk, problem: JsonProblem): string | undefined {
  walk.problem = problem;
  return undefined;
}
