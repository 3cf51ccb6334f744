/** How values of PostgreSQL's binary format are spelled in text. */
import type { ColumnType } from '../columns.js';
import { fragment, FRAGMENT_OVERHANG, type Memory, MINUS, writeFragment, writeInteger } from './memory.js';
import { INSTANT_LENGTH, writeDate, writeInstant } from './instants.js';
import { numericRoom, writeNumeric } from './numerics.js';

export interface Spelling {
  /** Bytes that `write` needs at most. */
  room(source: Memory, start: number, end: number): number;
  /** Returns where the next byte goes. */
  write(source: Memory, start: number, end: number, target: Memory, at: number): number;
}

export const integer: Spelling = {
  room: () => 11,
  write: (source, start, _end, target, at) => {
    const value = source.words.getInt32(start);
    if (value >= 0) return writeInteger(value, target, at);
    target.bytes[at] = MINUS;
    return writeInteger(-value, target, at + 1);
  },
};

export const number: Spelling = {
  room: numericRoom,
  write: (source, start, _end, target, at) => writeNumeric(source, start, target, at),
};

const TRUE = fragment('true');
const FALSE = fragment('false');

export const boolean: Spelling = {
  room: () => FALSE.length + FRAGMENT_OVERHANG,
  write: (source, start, _end, target, at) =>
    writeFragment(source.bytes[start] === 1 ? TRUE : FALSE, target, at),
};

export const timestamp: Spelling = {
  room: () => INSTANT_LENGTH,
  write: (source, start, _end, target, at) => writeInstant(source, start, target, at),
};

export const date: Spelling = {
  room: () => 10,
  write: (source, start, _end, target, at) => writeDate(source, start, target, at),
};

export type Spellings = Readonly<Record<ColumnType, Spelling>>;
