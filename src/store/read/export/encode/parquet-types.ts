import type { ParquetWriter } from 'hyparquet-writer';
import type { ColumnType } from '../columns.js';
import { daysOf, microsOf } from './instants.js';
import type { Memory } from './memory.js';
import { doubleOf } from './numerics.js';

export type SchemaElement = ParquetWriter['schema'][number];

/** How a value of PostgreSQL's binary format becomes one of Parquet's plain encoding. */
export interface ParquetType {
  readonly schema: Pick<SchemaElement, 'type' | 'converted_type' | 'logical_type'>;
  /** Bytes of a plain value, beside those of its text if it is one. */
  readonly width: number;
  /** Writes a value that is no text. */
  readonly write?: (source: Memory, start: number, target: Memory, at: number) => void;
  /** For the least and the greatest value of a column. Not of texts: they would cost more than they tell. */
  readonly read?: (source: Memory, start: number) => number | bigint;
}

/** All numbers of Parquet are. */
export const LITTLE_ENDIAN = true;

const readInteger = (source: Memory, start: number): number => source.words.getInt32(start);

const TEXT: ParquetType = {
  schema: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
  width: 4,
};

export const PARQUET_TYPES: Readonly<Record<ColumnType, ParquetType>> = {
  text: TEXT,
  // As text: of Parquet's own JSON type some readers make bytes.
  json: TEXT,
  boolean: { schema: { type: 'BOOLEAN' }, width: 1 / 8 },
  integer: {
    schema: { type: 'INT32' },
    width: 4,
    write: (source, start, target, at) => {
      target.words.setInt32(at, readInteger(source, start), LITTLE_ENDIAN);
    },
    read: readInteger,
  },
  number: {
    schema: { type: 'DOUBLE' },
    width: 8,
    write: (source, start, target, at) => {
      target.words.setFloat64(at, doubleOf(source, start), LITTLE_ENDIAN);
    },
    read: doubleOf,
  },
  timestamp: {
    schema: {
      type: 'INT64',
      converted_type: 'TIMESTAMP_MICROS',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    },
    width: 8,
    write: (source, start, target, at) => {
      target.words.setBigInt64(at, microsOf(source, start), LITTLE_ENDIAN);
    },
    read: microsOf,
  },
  date: {
    schema: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
    width: 4,
    write: (source, start, target, at) => {
      target.words.setInt32(at, daysOf(source, start), LITTLE_ENDIAN);
    },
    read: daysOf,
  },
};
