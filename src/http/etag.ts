import { createHash } from 'node:crypto';

/** Weak, as the same content may come compressed or not. */
export function etagOf(content: string): string {
  return `W/"${createHash('sha256').update(content).digest('hex').slice(0, 32)}"`;
}

/** Whether a client that sends this If-None-Match has the content already (RFC 9110 §13.1.2, weak comparison). */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const opaque = (tag: string): string => tag.trim().replace(/^W\//, '');
  const known = ifNoneMatch?.split(',').map(opaque) ?? [];
  return known.includes(opaque(etag)) || known.includes('*');
}
