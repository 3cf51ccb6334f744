import { isUtf8 } from 'node:buffer';
import type { FastifyRequest } from 'fastify';
import { Problem } from '../../errors.js';

/**
 * A header that holds text, which arrives as one character per byte, whatever the bytes were.
 *
 * @returns undefined without the header, null when it is not UTF-8
 * @throws Problem when the header is there twice
 */
export function textHeader(request: FastifyRequest, name: string): string | null | undefined {
  const value = request.headers[name.toLowerCase()];
  if (typeof value !== 'string') return undefined;
  // Two of them read as one, joined by a comma, which the text may hold.
  const count = request.raw.rawHeaders.filter(
    (other, i) => i % 2 === 0 && other.toLowerCase() === name.toLowerCase(),
  ).length;
  if (count > 1) throw wrongHeader(name, 'duplicate_header', 'may be there only once');
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString() : null;
}

/** @param name as people write it, at the start of the message */
export function wrongHeader(name: string, code: string, message: string): Problem {
  return new Problem('invalid_request', {
    detail: `${name} ${message}.`,
    errors: [{ pointer: `header:${name.toLowerCase()}`, code, message }],
  });
}
