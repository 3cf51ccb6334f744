import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, addAbortSignal, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { messageOf } from '../../lib/errors.js';

/** A file of events as a stream of plain bytes, inflated when it is gzip. */
export class Source {
  #readBytes = 0;

  private constructor(
    private readonly name: string,
    private readonly stream: Readable,
    private readonly signal: AbortSignal,
    /** Size of the file as it lies on disk; null when it has none, such as a pipe. */
    readonly totalBytes: number | null,
  ) {
    addAbortSignal(signal, stream);
    // Whoever reads hears of errors; before anybody does, they would end the process.
    stream.on('error', () => undefined);
  }

  /**
   * @param file a path, or `-` for standard input
   * @param signal ends the reading early, without an error
   * @throws Error naming the file when it cannot be opened
   */
  static async open(file: string, stdin: Readable, signal: AbortSignal): Promise<Source> {
    if (file === '-') return new Source('standard input', stdin, signal, null);
    try {
      const stats = await stat(file);
      if (stats.isDirectory()) throw new Error('it is a directory');
      return new Source(file, createReadStream(file), signal, stats.isFile() ? stats.size : null);
    } catch (error) {
      throw unreadable(file, error);
    }
  }

  /** Bytes read so far, before inflating. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** To be called once. @throws Error naming the file when it cannot be read to its end */
  async *chunks(): AsyncGenerator<Buffer, void> {
    try {
      const { head, rest } = await this.#takeHead();
      const whole = joined(head, rest);
      yield* this.#isGzip(head) ? inflated(whole) : whole;
    } catch (error) {
      if (!this.signal.aborted) throw unreadable(this.name, error);
    }
  }

  /** Reads until there is enough to tell gzip by. */
  async #takeHead(): Promise<{ head: Buffer; rest: AsyncGenerator<Buffer, void> }> {
    const rest = this.#counted();
    let head = Buffer.alloc(0);
    while (head.length < GZIP_MAGIC.length) {
      const next = await rest.next();
      if (next.done === true) break;
      head = Buffer.concat([head, next.value]);
    }
    return { head, rest };
  }

  async *#counted(): AsyncGenerator<Buffer, void> {
    // Byte streams without an encoding give Buffers.
    for await (const chunk of this.stream as AsyncIterable<Buffer>) {
      this.#readBytes += chunk.length;
      yield chunk;
    }
  }

  /** No text of events begins with the magic bytes. A file that only has the name is to fail as broken gzip. */
  #isGzip(head: Buffer): boolean {
    return (
      head.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC) || (head.length > 0 && this.name.endsWith('.gz'))
    );
  }
}

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

async function* joined(head: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  yield head;
  yield* rest;
}

function inflated(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  // Errors of either end come out of the inflater, which is what is read.
  return pipeline(Readable.from(chunks), createGunzip(), () => undefined);
}

function unreadable(name: string, error: unknown): Error {
  const reason = messageOf(error);
  return new Error(`${name} cannot be read: ${reason}`, { cause: error });
}
