import { isUtf8 } from 'node:buffer';
import { type Mistake, Problem } from '../errors.js';

/** Why some bytes are not JSON. */
export interface NotJson {
  readonly code: 'malformed_utf8' | 'malformed_json';
  readonly message: string;
}

export type JsonReading = { readonly value: unknown } | { readonly fault: NotJson };

/**
 * Reads JSON as JSON.parse does: nothing is dropped or renamed, `__proto__` is an ordinary member. Of two members
 * with the same name in one object the last one counts, and nothing tells that there were two. A byte order mark at
 * the start is skipped.
 */
export function readJson(bytes: Buffer): JsonReading {
  // Checked on its own because decoding would replace wrong bytes without a word.
  if (!isUtf8(bytes)) return { fault: { code: 'malformed_utf8', message: 'not valid UTF-8' } };
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8', start));
    return { value };
  } catch (error) {
    return { fault: { code: 'malformed_json', message: describe(error) } };
  }
}

/** @throws Problem `malformed_body` */
export function parseJson(bytes: Buffer): unknown {
  const reading = readJson(bytes);
  if ('value' in reading) return reading.value;
  throw malformedBody(reading.fault);
}

export function malformedBody(fault: Pick<Mistake, 'code' | 'message'>): Problem {
  return new Problem('malformed_body', {
    detail: `The body is not JSON in UTF-8: ${fault.message}.`,
    errors: [{ pointer: '', ...fault }],
  });
}

/** The place of the mistake where the engine knows it, without repeating what was sent. */
function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  const position = / at position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return `not valid JSON at character ${position}`;
  return message.startsWith('Unexpected end') ? 'not valid JSON: it ends too early' : 'not valid JSON';
}
