/** What identifies a dead letter: the spool and the sequence its record had there, both unique for ever. */
export interface LetterKey {
  readonly spool_id: string;
  readonly sequence: number;
}

const LETTER_ID = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.([1-9]\d{0,15})$/;

/** As one word of characters that a URL takes as they are. */
export function letterId({ spool_id, sequence }: LetterKey): string {
  return `${spool_id}.${sequence}`;
}

/** Undefined for anything that `letterId` does not write. */
export function parseLetterId(text: string): LetterKey | undefined {
  const [, spool_id, digits] = LETTER_ID.exec(text) ?? [];
  const sequence = Number(digits);
  return spool_id !== undefined && Number.isSafeInteger(sequence) ? { spool_id, sequence } : undefined;
}
