/** JSON pointers (RFC 6901) for error messages. */
import { isStorableText } from './json-value.js';

const MAX_POINTER_CHARACTERS = 128;

/**
 * The pointer to a value, from the names and indexes that lead to it.
 *
 * Names come from untrusted input. Where one of them would make the pointer longer than 128 characters or
 * unprintable, the pointer ends before it and so names the nearest value around the one meant.
 */
export function jsonPointer(...path: readonly (string | number)[]): string {
  let pointer = '';
  for (const segment of path) {
    const name = String(segment);
    if (pointer.length + name.length >= MAX_POINTER_CHARACTERS || !isStorableText(name)) break;
    pointer += `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  }
  return pointer;
}
