/**
 * What a request is routed by. Of an absolute target its path; and without the slashes that come of joining a base that
 * ends with one and a path that begins with one: `//v1/events`, `/v1//events`, `/v1/calls/`. A doubled one between other
 * segments stays, for an id is missing there, and so does the last one of a DELETE, which would name all instead of one.
 * Pages keep their last as well, for what their links are relative to.
 */
export function normalizeTarget(method: string | undefined, target: string): string {
  const url = target.startsWith('/') ? target : target.replace(/^https?:\/\/[^/?#]*\/?/i, '/');
  const query = url.indexOf('?');
  const end = query === -1 ? url.length : query;
  const isTrailing = url.charCodeAt(end - 1) === SLASH && end > 1;
  if (!isTrailing && url.charCodeAt(1) !== SLASH && !url.startsWith('/v1//')) return url;
  const path = url
    .slice(0, end)
    .replace(/^\/+/, '/')
    .replace(/^\/v1\/+/, '/v1/');
  const isServed = path.endsWith('/') && path.startsWith('/v1/') && method !== 'DELETE';
  return (isServed ? path.slice(0, -1) : path) + url.slice(end);
}

const SLASH = '/'.charCodeAt(0);
