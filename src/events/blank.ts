/** Blank text: empty, or nothing that anyone can see. */

/**
 * Anything but white space, control characters, what Unicode wants drawn as nothing (zero-width and format characters,
 * Hangul fillers, variation selectors) and what fonts draw as nothing: interlinear annotation, the empty Braille
 * pattern, the null notehead. U+0000 is left to the rule that refuses it anywhere.
 */
const VISIBLE =
  /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\u0001-\u001f\u007f-\u009f\ufff9-\ufffb\u2800\u{1d159}]/u;

/** What must not be blank, after "must". */
export const VISIBLE_RULE = 'hold something visible';

export function isBlank(text: string): boolean {
  const first = text.charCodeAt(0);
  // Nearly every text begins with a letter or digit of ASCII, which spares the expression.
  return !(first > 0x20 && first < 0x7f) && !VISIBLE.test(text);
}

/** Whether the value of an optional field says nothing. */
export function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'string' && isBlank(value));
}
