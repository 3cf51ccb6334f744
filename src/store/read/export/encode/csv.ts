import type { ExportColumn } from '../columns.js';
import type { Memory } from './memory.js';
import { boolean, date, integer, number, type Spelling, timestamp } from './fields.js';
import type { Output } from './output.js';
import { linesOf, type RowWriter, writeText } from './lines.js';

const QUOTE = 0x22;
const COMMA = 0x2c;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

/** RFC 4180. Quoted where it has to be, and where it is empty: nothing at all is null. */
const text: Spelling = {
  room: (_source, start, end) => 2 * (end - start) + 2,
  write: (source, start, end, { bytes }, begin) => {
    let at = begin;
    let isPlain = end > start;
    for (let place = start; place < end; place++) {
      const byte = source.bytes[place] ?? 0;
      if (byte === COMMA || byte === QUOTE || byte === LINE_FEED || byte === CARRIAGE_RETURN) {
        isPlain = false;
        break;
      }
      bytes[at++] = byte;
    }
    return isPlain ? at : writeQuoted(source, start, end, bytes, begin);
  },
};

function writeQuoted(source: Memory, start: number, end: number, bytes: Uint8Array, begin: number): number {
  let at = begin;
  bytes[at++] = QUOTE;
  for (let place = start; place < end; place++) {
    const byte = source.bytes[place] ?? 0;
    if (byte === QUOTE) bytes[at++] = QUOTE;
    bytes[at++] = byte;
  }
  bytes[at++] = QUOTE;
  return at;
}

/** With a first line of names. */
export function csvWriter(columns: readonly ExportColumn[], output: Output): RowWriter {
  writeText(output, `${columns.map(({ name }) => name).join(',')}\n`);
  const format = {
    spellings: { text, integer, number, boolean, timestamp, date, json: text },
    null: '',
    before: (_column: ExportColumn, isFirst: boolean) => (isFirst ? '' : ','),
    lineEnd: '\n',
  };
  return linesOf(columns, format, output);
}
