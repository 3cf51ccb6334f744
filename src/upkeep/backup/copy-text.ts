import { createHash } from 'node:crypto';
import { addAbortSignal } from 'node:stream';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { TableLayout } from './tables.js';

/**
 * What the text of a value depends on. Under these it is the same from PostgreSQL 15 to 18, so that the hash of a
 * table's text is the same before and after a restore.
 */
export const TEXT_SETTINGS: readonly string[] = [
  `set local client_encoding = 'UTF8'`,
  `set local timezone = 'UTC'`,
  `set local datestyle = 'ISO, YMD'`,
  `set local intervalstyle = 'postgres'`,
  `set local extra_float_digits = 1`,
  `set local bytea_output = 'hex'`,
];

export interface Content {
  readonly rows: number;
  /** Of the table's text. */
  readonly sha256: string;
}

/** Rows and hash of COPY text that goes by. A row is a line: line breaks in values are escaped. */
export class ContentTally {
  readonly #hash = createHash('sha256');
  rows = 0;

  add(chunk: Buffer): void {
    this.#hash.update(chunk);
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) this.rows++;
  }

  /** To be asked once. */
  end(): Content {
    return { rows: this.rows, sha256: this.#hash.digest('hex') };
  }
}

const NEWLINE = 10;

/**
 * The rows of a table as COPY's text, in the order of the key. Left before its end, the connection is of no use any more.
 */
export async function* copyText(
  client: pg.ClientBase,
  { name, columns, key }: TableLayout,
  signal: AbortSignal,
  onRows: (soFar: number) => void = () => undefined,
): AsyncGenerator<Buffer, Content> {
  const query = `copy (select ${columns.join(', ')} from ${name} order by ${key.join(', ')}) to stdout`;
  const stream: AsyncIterable<Buffer> = addAbortSignal(signal, client.query(copyTo(query)));
  const tally = new ContentTally();
  for await (const chunk of stream) {
    tally.add(chunk);
    yield chunk;
    onRows(tally.rows);
  }
  return tally.end();
}

/** Rows and hash of every table, by its name. */
export async function readContents(
  client: pg.ClientBase,
  layout: readonly TableLayout[],
  signal: AbortSignal,
): Promise<Map<string, Content>> {
  const contents = new Map<string, Content>();
  for (const table of layout) {
    const text = copyText(client, table, signal);
    let next = await text.next();
    while (next.done !== true) next = await text.next();
    contents.set(table.name, next.value);
  }
  return contents;
}
