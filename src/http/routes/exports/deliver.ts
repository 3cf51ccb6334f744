import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { GZIP_LEVEL } from '../../limits.js';

/** What became of a body on its way. Bytes and checksum are those before any compression. */
export type Delivery =
  | { readonly whole: true; readonly bytes: number; readonly sha256: string }
  | { readonly whole: false; readonly reason: Interruption; readonly cause: unknown };

/** client_gone: it closed the connection · client_stalled: it stopped reading · source_failed: so did the source */
export type Interruption = 'client_gone' | 'client_stalled' | 'source_failed';

interface DeliveryOptions {
  readonly gzip: boolean;
  /** How long a client may leave everything unread. */
  readonly stallMs: number;
}

/** The trailer that tells the checksum, for the Trailer header. */
export const CHECKSUM_TRAILER = 'X-Export-Sha256';

/**
 * Sends a body after the head of the response, as fast as the client reads and no faster. Whatever ends it early also
 * destroys the body, and resets the connection, so that no client takes a part for the whole. Never rejects.
 */
export async function deliver(
  body: Readable,
  response: ServerResponse,
  { gzip, stallMs }: DeliveryOptions,
): Promise<Delivery> {
  const hash = createHash('sha256');
  let bytes = 0;
  let sha256 = '';
  const tap = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
    flush: (done) => {
      sha256 = hash.digest('hex');
      response.addTrailers({ [CHECKSUM_TRAILER]: sha256 });
      done();
    },
  });
  const interruption = watch(body, response, stallMs);
  try {
    await pipeline([body, tap, ...(gzip ? [createGzip({ level: GZIP_LEVEL })] : []), response]);
    return { whole: true, bytes, sha256 };
  } catch (cause) {
    return { whole: false, reason: interruption() ?? 'source_failed', cause };
  }
}

/** Tells what came first of all that ends a delivery early: each of them brings the others after it. */
function watch(body: Readable, response: ServerResponse, stallMs: number): () => Interruption | undefined {
  // Whoever left before the body was there is not heard of a second time.
  let first: Interruption | undefined = response.closed ? 'client_gone' : undefined;
  const reset = (reason: Interruption): void => {
    first ??= reason;
    // Without chunks (HTTP/1.0) an ordinary close would look like the end of the body.
    response.socket?.resetAndDestroy();
  };
  body.once('error', () => {
    reset('source_failed');
  });
  response.once('close', () => {
    first ??= 'client_gone';
  });
  // The socket's own timeout is put off by every byte that the client takes.
  response.setTimeout(stallMs, () => {
    // With nothing to be read it is the source that takes its time.
    if (response.writableLength > 0) reset('client_stalled');
  });
  return () => first;
}
