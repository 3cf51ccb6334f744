export const ZERO = 0x30;
export const MINUS = 0x2d;
export const DOT = 0x2e;

/** The same memory in two views: by bytes, and by words of several, wherever they begin. */
export interface Memory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: DataView;
}

export function memory(size: number): Memory {
  return memoryOf(new Uint8Array(size));
}

export function memoryOf(bytes: Uint8Array<ArrayBuffer>): Memory {
  return { bytes, words: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** A whole number from 0 on, at most 2^31 − 1. Returns where the next byte goes, as all that write do. */
export function writeInteger(value: number, { bytes }: Memory, at: number): number {
  let digits = 1;
  for (let bound = 10; value >= bound; bound *= 10) digits++;
  let rest = value;
  for (let place = at + digits - 1; place >= at; place--) {
    const shorter = (rest / 10) | 0;
    bytes[place] = ZERO + rest - shorter * 10;
    rest = shorter;
  }
  return at + digits;
}

export function writeTwoDigits(value: number, { bytes }: Memory, at: number): number {
  const tens = (value / 10) | 0;
  bytes[at] = ZERO + tens;
  bytes[at + 1] = ZERO + value - 10 * tens;
  return at + 2;
}

export function writeFourDigits(value: number, { words }: Memory, at: number): number {
  words.setUint32(at, FOUR_DIGITS[value] ?? 0);
  return at + 4;
}

/** Of each number from 0000 to 9999 the text, as a word. */
const FOUR_DIGITS = Uint32Array.from({ length: 10_000 }, (_, value) =>
  Buffer.from(String(value).padStart(4, '0')).readUInt32BE(),
);

/** A text that is written often. */
export interface Fragment {
  readonly length: number;
  readonly words: Uint32Array;
}

/** What `writeFragment` may spoil behind its end. */
export const FRAGMENT_OVERHANG = 3;

export function fragment(text: string): Fragment {
  const bytes = Buffer.from(text);
  const padded = Buffer.concat([bytes, Buffer.alloc(FRAGMENT_OVERHANG)]);
  const count = Math.ceil(bytes.length / 4);
  return {
    length: bytes.length,
    words: Uint32Array.from({ length: count }, (_, word) => padded.readUInt32BE(4 * word)),
  };
}

/** Writes whole words, so the next bytes, which come later, are written, too. */
export function writeFragment({ length, words }: Fragment, target: Memory, at: number): number {
  for (let word = 0; word < words.length; word++) target.words.setUint32(at + 4 * word, words[word] ?? 0);
  return at + length;
}
