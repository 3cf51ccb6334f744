import type { ParquetWriter } from 'hyparquet-writer';
import type { ColumnType } from '../columns.js';
import { daysOf, microsOf } from './instants.js';
import { doubleOf } from './numerics.js';

export type SchemaElement = ParquetWriter['schema'][number];

/** How a value of PostgreSQL's binary format becomes one of Parquet's plain encoding. */
export interface ParquetType {
  readonly schema: Pick<SchemaElement, 'type' | 'converted_type' | 'logical_type'>;
  /** Bytes of a plain value, beside those of its text if it is one. */
  readonly width: number;
  /** Writes a value that is no text. */
  readonly write?: (source: Buffer, start: number, target: Buffer, at: number) => void;
  /** For the least and the greatest value of a column. Not of texts: they would cost more than they tell. */
  readonly read?: (source: Buffer, start: number) => number | bigint;
}

const readInteger = (source: Buffer, start: number): number => source.readInt32BE(start);

export const PARQUET_TYPES: Readonly<Record<ColumnType, ParquetType>> = {
  text: {
    schema: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
    width: 4,
  },
  json: {
    schema: { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } },
    width: 4,
  },
  boolean: { schema: { type: 'BOOLEAN' }, width: 1 / 8 },
  integer: {
    schema: { type: 'INT32' },
    width: 4,
    write: (source, start, target, at) => target.writeInt32LE(readInteger(source, start), at),
    read: readInteger,
  },
  number: {
    schema: { type: 'DOUBLE' },
    width: 8,
    write: (source, start, target, at) => target.writeDoubleLE(doubleOf(source, start), at),
    read: doubleOf,
  },
  timestamp: {
    schema: {
      type: 'INT64',
      converted_type: 'TIMESTAMP_MICROS',
      logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
    },
    width: 8,
    write: (source, start, target, at) => target.writeBigInt64LE(microsOf(source, start), at),
    read: microsOf,
  },
  date: {
    schema: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
    width: 4,
    write: (source, start, target, at) => target.writeInt32LE(daysOf(source, start), at),
    read: daysOf,
  },
};
