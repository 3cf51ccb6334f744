import type { ExportColumn } from '../columns.js';
import type { Row } from './copy-rows.js';
import { put } from './digits.js';
import type { Spelling, Spellings } from './fields.js';
import type { Output } from './output.js';

export interface RowWriter {
  readonly take: (row: Row) => void;
  /** Writes what comes after the last row, and hands on what is left. */
  readonly end: () => void;
}

/** A format of one line per row. */
export interface LineFormat {
  readonly spellings: Spellings;
  readonly null: string;
  /** Stands before the value of a column. */
  before(column: ExportColumn, isFirst: boolean): string;
  readonly lineEnd: string;
}

export function writeText(output: Output, text: string): void {
  const bytes = Buffer.from(text);
  const target = output.room(bytes.length);
  target.set(bytes, output.at);
  output.wrote(output.at + bytes.length);
}

/** Writes rows in a format of lines; a first line of another kind is written already. */
export function linesOf(columns: readonly ExportColumn[], format: LineFormat, output: Output): RowWriter {
  const lineEnd = Buffer.from(format.lineEnd);
  const fields = columns.map((column, index): LineField => {
    const before = format.before(column, index === 0);
    return {
      before: Buffer.from(before),
      ifNull: Buffer.from(before + format.null),
      spelling: format.spellings[column.type],
    };
  });
  const take = ({ bytes, starts, ends }: Row): void => {
    let index = 0;
    for (const { before, ifNull, spelling } of fields) {
      const start = starts[index] ?? -1;
      const end = ends[index] ?? -1;
      index++;
      const isNull = start < 0;
      const target = output.room(ifNull.length + (isNull ? 0 : spelling.room(bytes, start, end)));
      const at = put(isNull ? ifNull : before, target, output.at);
      output.wrote(isNull ? at : spelling.write(bytes, start, end, target, at));
    }
    const target = output.room(lineEnd.length);
    output.wrote(put(lineEnd, target, output.at));
  };
  return {
    take,
    end: () => {
      output.flush();
    },
  };
}

interface LineField {
  readonly before: Buffer;
  readonly ifNull: Buffer;
  readonly spelling: Spelling;
}
