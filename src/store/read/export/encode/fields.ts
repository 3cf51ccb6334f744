/** How values of PostgreSQL's binary format are spelled in text. */
import type { ColumnType } from '../columns.js';
import { MINUS, put, writeDigits } from './digits.js';
import { INSTANT_LENGTH, writeDate, writeInstant } from './instants.js';
import { numericRoom, writeNumeric } from './numerics.js';

export interface Spelling {
  /** Bytes that `write` needs at most. */
  room(source: Buffer, start: number, end: number): number;
  /** Returns where the next byte goes. */
  write(source: Buffer, start: number, end: number, target: Uint8Array, at: number): number;
}

export const integer: Spelling = {
  room: () => 11,
  write: (source, start, _end, target, at) => {
    const value = source.readInt32BE(start);
    if (value >= 0) return writeDigits(value, 1, target, at);
    target[at] = MINUS;
    return writeDigits(-value, 1, target, at + 1);
  },
};

export const number: Spelling = {
  room: numericRoom,
  write: (source, start, _end, target, at) => writeNumeric(source, start, target, at),
};

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

export const boolean: Spelling = {
  room: () => FALSE.length,
  write: (source, start, _end, target, at) => put(source[start] === 1 ? TRUE : FALSE, target, at),
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
