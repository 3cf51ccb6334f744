/** Cuts a file into request bodies. */
import { GrowingBytes } from '../../http/body/growing-bytes.js';
import { type Line, LineSplitter } from '../../http/body/lines.js';
import { MAX_JSON_BYTES, MAX_NDJSON_BYTES } from '../../http/limits.js';

interface Item {
  /** Number of the line in the file, from 1. */
  readonly line: number;
  /** Where it begins in the body; it ends where the next one begins. */
  readonly start: number;
}

export interface Batch {
  /** NDJSON without blank lines, so that the service's index of an event is its index in `items`. */
  readonly body: Buffer;
  readonly items: readonly Item[];
  /** Numbers of lines that are too long for any request. */
  readonly tooLong: readonly number[];
  /** The part of the file, before inflating, that was read for this batch. */
  readonly sourceBytes: number;
}

/** Half of what the service reads, so that no rounding matters. */
const MAX_BODY_BYTES = MAX_NDJSON_BYTES / 2;
const NEWLINE = Buffer.from('\n');
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** The batches in the order of the file; each is made when asked for, and reads no further than it needs. */
export async function* cutBatches(
  source: { readonly readBytes: number; chunks(): AsyncIterable<Buffer> },
  maxEvents: number,
): AsyncGenerator<Batch, void> {
  const cutter = new Cutter(source, maxEvents);
  const splitter = new LineSplitter(MAX_JSON_BYTES);
  for await (const chunk of source.chunks()) yield* cutter.add(splitter.push(chunk));
  yield* cutter.add(splitter.end());
  yield* cutter.rest();
}

class Cutter {
  #line = 0;
  #takenBytes = 0;
  readonly #body = new GrowingBytes(null);
  #items: Item[] = [];
  #tooLong: number[] = [];

  constructor(
    private readonly source: { readonly readBytes: number },
    private readonly maxEvents: number,
  ) {}

  *add(lines: Iterable<Line>): Generator<Batch, void> {
    for (const line of lines) {
      this.#line += 1;
      if (line === null) {
        this.#tooLong.push(this.#line);
      } else if (!isBlank(line)) {
        if (this.#body.length + line.length + 1 > MAX_BODY_BYTES) yield this.#cut();
        this.#items.push({ line: this.#line, start: this.#body.length });
        this.#body.append(line);
        this.#body.append(NEWLINE);
      }
      if (this.#items.length + this.#tooLong.length >= this.maxEvents) yield this.#cut();
    }
  }

  /** What is left at the end of the file, when that is anything. */
  *rest(): Generator<Batch, void> {
    if (this.#items.length + this.#tooLong.length > 0) yield this.#cut();
  }

  #cut(): Batch {
    const { readBytes } = this.source;
    const batch = {
      body: this.#body.take(),
      items: this.#items,
      tooLong: this.#tooLong,
      sourceBytes: readBytes - this.#takenBytes,
    };
    this.#items = [];
    this.#tooLong = [];
    this.#takenBytes = readBytes;
    return batch;
  }
}

/** A lone byte order mark, as files that were put together have them, counts as blank. */
function isBlank(line: Buffer): boolean {
  const text = line.subarray(0, BOM.length).equals(BOM) ? line.subarray(BOM.length) : line;
  return text.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
