import { Readable } from 'node:stream';
import { Bell } from '../../../lib/bell.js';
import { Deferred } from '../../../lib/deferred.js';
import { toError } from '../../../lib/errors.js';
import type { EncoderOptions } from './encode/encoder.js';
import { Encoding } from './encode/encoding.js';
import type { Snapshot } from './snapshot.js';

/**
 * The file of an export, made while it is read: PostgreSQL → blocks of rows → the encoding thread → this stream. Each
 * station waits for the next, so a reader that stops stops the query, and memory holds a few blocks whatever the size.
 */
export function exportBody(snapshot: Snapshot, options: EncoderOptions): Readable {
  const gone = new AbortController();
  const moved = new Bell();
  const rowsEncoded = new Deferred<number>();
  let isWanted = false;

  const body = new Readable({
    highWaterMark: AHEAD_BYTES,
    read: () => {
      isWanted = true;
      moved.ring();
    },
    // Comes after the end, too, where there is nothing left to stop.
    destroy: (error, done) => {
      gone.abort(error);
      snapshot.discard();
      // Closed, and with that making room for the next export, only when the thread is free for it.
      void encoding.stop().then(() => {
        done(error);
      });
    },
  });
  const encoding = new Encoding(options, {
    encoded: (chunk) => {
      isWanted = body.push(chunk);
    },
    taken: () => {
      moved.ring();
    },
    ended: rowsEncoded.resolve,
    failed: (error) => {
      body.destroy(error);
    },
  });

  const pass = async (): Promise<void> => {
    for await (const block of blocksOf(snapshot.rows)) {
      while (!isWanted || encoding.inHand >= BLOCKS_IN_HAND) await moved.wait(gone.signal);
      encoding.take(block);
    }
    await snapshot.finish();
    encoding.end();
    const rows = await rowsEncoded.promise;
    const { rows: expected } = snapshot.summary;
    if (rows !== expected) throw new Error(`${rows} rows came of ${expected}`);
    body.push(null);
  };
  pass().catch((error: unknown) => {
    body.destroy(toError(error));
  });
  // An error reaches whoever reads, also who begins to only then; until then it must not end the process.
  body.on('error', () => undefined);
  return body;
}

/** One at work and some waiting, so that no station stands still while the next one is busy for a moment. */
const BLOCKS_IN_HAND = 3;
/** Of the file, made before they are asked for. */
const AHEAD_BYTES = 1024 * 1024;
/** PostgreSQL's come in many small pieces, and handing one over costs as much as encoding some rows. */
const BLOCK_BYTES = 512 * 1024;

async function* blocksOf(source: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let block = new Uint8Array(BLOCK_BYTES);
  let length = 0;
  for await (const piece of source) {
    let taken = 0;
    while (taken < piece.length) {
      const part = piece.subarray(taken, taken + BLOCK_BYTES - length);
      block.set(part, length);
      taken += part.length;
      length += part.length;
      if (length === BLOCK_BYTES) {
        yield block;
        block = new Uint8Array(BLOCK_BYTES);
        length = 0;
      }
    }
  }
  if (length > 0) yield block.subarray(0, length);
}
