import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { messageOf } from '../../lib/errors.js';
import { BackupFileError } from './errors.js';
import { BREAKPOINT } from './migrations.js';
import { BEGINNING, COPY_END, ENDING, FORMAT, HEAD, type ScriptHeader } from './script.js';

export type ScriptPart =
  | { readonly kind: 'header'; readonly header: ScriptHeader }
  | { readonly kind: 'statement'; readonly sql: string }
  /** `rows` has to be read to its end before the next part. */
  | {
      readonly kind: 'copy';
      readonly sql: string;
      readonly table: string;
      readonly rows: AsyncGenerator<Buffer, void>;
    };

const header = Compile(
  Type.Object({ id: Type.String(), snapshot_at: Type.String(), migration: Type.String() }),
);
type Header = Static<ReturnType<typeof header.Type>>;

/** No migration has a statement, and no table a list of columns, that comes near it: what does is no backup. */
const MAX_STATEMENT_BYTES = 1024 * 1024;

/**
 * Takes a backup's text apart; holds one statement or one piece of rows at a time.
 * @throws BackupFileError where the text is not what `script.ts` describes
 */
export async function* readScript(chunks: AsyncIterator<Buffer>): AsyncGenerator<ScriptPart, void> {
  try {
    yield* partsOf(new TextCursor(chunks));
  } finally {
    // Whoever stops in the middle, over an error or not, wants no more of the file.
    await chunks.return?.();
  }
}

async function* partsOf(text: TextCursor): AsyncGenerator<ScriptPart, void> {
  yield { kind: 'header', header: await readHeader(text) };
  let statement = '';
  for (;;) {
    const line = await text.line(MAX_STATEMENT_BYTES);
    if (line === undefined) throw new BackupFileError('the file ends before its end: the commit is missing');
    const isFirst = statement === '';
    const table = isFirst ? /^copy (\S+) \(.*\) from stdin;$/.exec(line)?.[1] : undefined;
    if (table !== undefined) {
      yield { kind: 'copy', sql: line.slice(0, -1), table, rows: text.rows() };
    } else if (line === BREAKPOINT) {
      yield { kind: 'statement', sql: statement };
      statement = '';
    } else if (isFirst && line === ENDING) {
      break;
    } else {
      statement += `${line}\n`;
      if (statement.length > MAX_STATEMENT_BYTES) throw tooLong();
    }
  }
  if ((await text.line(MAX_STATEMENT_BYTES)) !== undefined)
    throw new BackupFileError('the file goes on after its commit');
}

async function readHeader(text: TextCursor): Promise<ScriptHeader> {
  const head = await text.line(HEAD.length + 16);
  if (head?.startsWith(HEAD) !== true) throw new BackupFileError('this is no backup of call-logger');
  const format = head.slice(HEAD.length);
  if (format !== String(FORMAT))
    throw new BackupFileError(`the backup has format ${format}, this version reads ${FORMAT}`);
  const line = await text.line(MAX_STATEMENT_BYTES);
  const fields = parse(line?.slice('-- '.length));
  for (const expected of BEGINNING) {
    if ((await text.line(MAX_STATEMENT_BYTES)) !== expected)
      throw new BackupFileError(`the backup does not begin with ${expected}`);
  }
  return fields;
}

function parse(line = ''): Header {
  try {
    const json: unknown = JSON.parse(line);
    return header.Parse(json);
  } catch (error) {
    throw new BackupFileError(`the header cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function tooLong(): BackupFileError {
  return new BackupFileError('this is no backup of call-logger: a line or statement is too long');
}

const NEWLINE = Buffer.from('\n');
const ROWS_END = Buffer.from(`\n${COPY_END}\n`);
const NO_ROWS = Buffer.from(`${COPY_END}\n`);

/** Bytes that come in pieces, read as lines or as rows of COPY. */
class TextCursor {
  #pending: Buffer = Buffer.alloc(0);

  constructor(private readonly chunks: AsyncIterator<Buffer>) {}

  /** The next line without its end; undefined after the last one. */
  async line(maxBytes: number): Promise<string | undefined> {
    let end = this.#pending.indexOf(NEWLINE);
    while (end < 0) {
      if (this.#pending.length > maxBytes) throw tooLong();
      if (!(await this.#more())) {
        if (this.#pending.length === 0) return undefined;
        throw new BackupFileError('the file ends in the middle of a line');
      }
      end = this.#pending.indexOf(NEWLINE);
    }
    const line = this.#pending.subarray(0, end).toString();
    this.#pending = this.#pending.subarray(end + 1);
    return line;
  }

  /** Whole or broken lines up to the line that ends the rows. */
  async *rows(): AsyncGenerator<Buffer, void> {
    while (this.#pending.length < NO_ROWS.length) await this.#mustHaveMore();
    if (this.#pending.subarray(0, NO_ROWS.length).equals(NO_ROWS)) {
      this.#pending = this.#pending.subarray(NO_ROWS.length);
      return;
    }
    for (;;) {
      const end = this.#pending.indexOf(ROWS_END);
      // The mark may have begun in the last bytes.
      const taken = end < 0 ? this.#pending.length - (ROWS_END.length - 1) : end + 1;
      if (taken > 0) yield this.#pending.subarray(0, taken);
      if (end >= 0) {
        this.#pending = this.#pending.subarray(end + ROWS_END.length);
        return;
      }
      this.#pending = this.#pending.subarray(Math.max(taken, 0));
      await this.#mustHaveMore();
    }
  }

  async #mustHaveMore(): Promise<void> {
    if (!(await this.#more())) throw new BackupFileError('the file ends in the middle of the rows');
  }

  async #more(): Promise<boolean> {
    const next = await this.chunks.next();
    if (next.done === true) return false;
    this.#pending = this.#pending.length === 0 ? next.value : Buffer.concat([this.#pending, next.value]);
    return true;
  }
}
