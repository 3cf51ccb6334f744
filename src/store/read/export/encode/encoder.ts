import type { ExportColumn } from '../columns.js';
import type { ExportFormat } from '../export.js';
import { CopyRows } from './copy-rows.js';
import { csvWriter } from './csv.js';
import type { RowWriter } from './lines.js';
import { ndjsonWriter } from './ndjson.js';
import { Output } from './output.js';
import { type Metadata, parquetFile } from './parquet.js';

export interface EncoderOptions {
  readonly format: ExportFormat;
  readonly columns: readonly ExportColumn[];
  /** For formats that can carry it. */
  readonly metadata: Metadata;
}

type Emit = (chunk: Uint8Array<ArrayBuffer>) => void;

/** Makes rows in PostgreSQL's binary COPY format, cut anywhere, into a file. */
export class Encoder {
  readonly #writer: RowWriter;
  readonly #rows: CopyRows;

  /** @param emit gets the file piece by piece, each in memory that is given away */
  constructor(options: EncoderOptions, emit: Emit) {
    this.#writer = WRITERS[options.format](options, emit);
    this.#rows = new CopyRows(options.columns.length, this.#writer.take);
  }

  take(bytes: Uint8Array<ArrayBuffer>): void {
    this.#rows.take(bytes);
  }

  /** @returns how many rows there were */
  end(): number {
    const count = this.#rows.end();
    this.#writer.end();
    return count;
  }
}

const WRITERS: Readonly<Record<ExportFormat, (options: EncoderOptions, emit: Emit) => RowWriter>> = {
  csv: ({ columns }, emit) => csvWriter(columns, new Output(emit)),
  ndjson: ({ columns }, emit) => ndjsonWriter(columns, new Output(emit)),
  parquet: ({ columns, metadata }, emit) => parquetFile(columns, metadata, emit),
};
