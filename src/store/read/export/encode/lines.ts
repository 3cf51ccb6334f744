import type { ExportColumn } from '../columns.js';
import type { Row } from './copy-rows.js';
import { fragment, type Fragment, FRAGMENT_OVERHANG, writeFragment } from './memory.js';
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
  output.room(bytes.length).bytes.set(bytes, output.at);
  output.wrote(output.at + bytes.length);
}

/** Writes rows in a format of lines; a first line of another kind is written already. */
export function linesOf(columns: readonly ExportColumn[], format: LineFormat, output: Output): RowWriter {
  const lineEnd = fragment(format.lineEnd);
  const fields = columns.map((column, index): LineField => {
    const before = format.before(column, index === 0);
    return {
      before: fragment(before),
      ifNull: fragment(before + format.null),
      spelling: format.spellings[column.type],
    };
  });
  const take = ({ source, starts, ends }: Row): void => {
    let index = 0;
    for (const { before, ifNull, spelling } of fields) {
      const start = starts[index] ?? -1;
      const end = ends[index] ?? -1;
      index++;
      const isNull = start < 0;
      const valueRoom = isNull ? 0 : spelling.room(source, start, end);
      const target = output.room(ifNull.length + FRAGMENT_OVERHANG + valueRoom);
      const at = writeFragment(isNull ? ifNull : before, target, output.at);
      output.wrote(isNull ? at : spelling.write(source, start, end, target, at));
    }
    const target = output.room(lineEnd.length + FRAGMENT_OVERHANG);
    output.wrote(writeFragment(lineEnd, target, output.at));
  };
  return {
    take,
    end: () => {
      output.flush();
    },
  };
}

interface LineField {
  readonly before: Fragment;
  readonly ifNull: Fragment;
  readonly spelling: Spelling;
}
