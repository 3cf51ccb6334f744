import type { ExportColumn } from '../columns.js';
import { boolean, date, integer, number, type Spelling, timestamp } from './fields.js';
import type { Output } from './output.js';
import { linesOf, type RowWriter } from './lines.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

/** For each byte that may not stand in a JSON string, what stands there instead. */
const ESCAPES: readonly (Buffer | undefined)[] = Array.from({ length: 256 }, (_, byte) =>
  byte < SPACE || byte === QUOTE || byte === BACKSLASH
    ? Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1))
    : undefined,
);
const LONGEST_ESCAPE = 6;

const text: Spelling = {
  room: (_source, start, end) => LONGEST_ESCAPE * (end - start) + 2,
  write: (source, start, end, { bytes }, begin) => {
    let at = begin;
    bytes[at++] = QUOTE;
    for (let place = start; place < end; place++) {
      const byte = source.bytes[place] ?? 0;
      if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) {
        bytes[at++] = byte;
      } else {
        for (const escaped of ESCAPES[byte] ?? []) bytes[at++] = escaped;
      }
    }
    bytes[at++] = QUOTE;
    return at;
  },
};

/** Line breaks stand only between the parts of a JSON text, where a space means the same. */
const json: Spelling = {
  room: (_source, start, end) => end - start,
  write: (source, start, end, { bytes }, begin) => {
    let at = begin;
    for (let place = start; place < end; place++) {
      const byte = source.bytes[place] ?? 0;
      bytes[at++] = byte === LINE_FEED || byte === CARRIAGE_RETURN ? SPACE : byte;
    }
    return at;
  },
};

const quoted = (spelling: Spelling): Spelling => ({
  room: (source, start, end) => spelling.room(source, start, end) + 2,
  write: (source, start, end, target, at) => {
    target.bytes[at] = QUOTE;
    const last = spelling.write(source, start, end, target, at + 1);
    target.bytes[last] = QUOTE;
    return last + 1;
  },
});

/** One object per line, every column in each. */
export function ndjsonWriter(columns: readonly ExportColumn[], output: Output): RowWriter {
  const format = {
    spellings: { text, integer, number, boolean, timestamp: quoted(timestamp), date: quoted(date), json },
    null: 'null',
    before: ({ name }: ExportColumn, isFirst: boolean) => `${isFirst ? '{' : ','}${JSON.stringify(name)}:`,
    lineEnd: '}\n',
  };
  return linesOf(columns, format, output);
}
