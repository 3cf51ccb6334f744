import type { ByteRange } from '../../deps-upkeep.js';

/**
 * What a Range header asks for (RFC 9110, 14.2): one range of bytes. Anything else, such as several ranges, may be
 * answered with the whole.
 * @returns undefined: the whole; null: nothing of it is there
 */
export function readRange(header: string | undefined, bytes: number): ByteRange | null | undefined {
  const [, from, to] = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  if (from !== '' && to !== '' && Number(to) < Number(from)) return undefined;
  const first = from === '' ? Math.max(bytes - Number(to), 0) : Number(from);
  const last = from === '' || to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1);
  return first > last ? null : { first, last };
}
