/** Bytes of a request body as they arrive: inflated, bounded, and never read past the point where it is refused. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';
import { Problem } from '../errors.js';

/** Takes one inflated chunk. A promise holds the next one back until it resolves; throwing refuses the rest. */
export type TakeChunk = (chunk: Buffer) => void | Promise<void>;

/**
 * Feeds the inflated body to `take` and resolves after its last byte.
 * When it rejects, the rest stays unread on the wire: whoever answers drains it (see `drainRest`).
 *
 * @throws Problem `body_too_large` as soon as more than `maxBytes` have come out, `unsupported_encoding`,
 *   `malformed_body` for a broken gzip stream, `incomplete_body` when the sender went away, and whatever `take` throws
 */
export function readWire(
  wire: Readable,
  headers: IncomingHttpHeaders,
  maxBytes: number,
  take: TakeChunk,
): Promise<void> {
  const gunzip = contentDecoder(headers);
  if (gunzip === null && Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const source: Readable = gunzip === null ? wire : wire.pipe(gunzip);
  let bytes = 0;
  // The last chunk's 'end' is under way before its 'data' is: pausing does not hold it back, so it has to be minded.
  let isTaking = false;
  let hasEnded = false;

  return new Promise((resolve, reject) => {
    const finish = (error?: unknown): void => {
      source.off('data', onData).off('end', onEnd).off('error', onSourceError);
      wire.off('close', onClose).off('error', onClose);
      if (gunzip !== null) {
        wire.unpipe(gunzip);
        // An inflater that is closed in the middle may still report it.
        gunzip.on('error', () => undefined).destroy();
      }
      if (error === undefined) {
        resolve();
      } else {
        wire.pause();
        reject(error instanceof Error ? error : new Error('reading a request body failed', { cause: error }));
      }
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      try {
        if (bytes > maxBytes) throw tooLarge(maxBytes);
        const later = take(chunk);
        if (later === undefined) return;
        source.pause();
        isTaking = true;
        later.then(() => {
          isTaking = false;
          if (hasEnded) finish();
          else source.resume();
        }, finish);
      } catch (error) {
        finish(error);
      }
    };
    const onEnd = (): void => {
      hasEnded = true;
      if (!isTaking) finish();
    };
    const onSourceError = (): void => {
      finish(gunzip === null ? new Problem('incomplete_body') : brokenGzip());
    };
    const onClose = (): void => {
      // The wire closes by itself once read to its end, perhaps before the inflater is through.
      if (!wire.readableEnded) finish(new Problem('incomplete_body'));
    };
    source.on('data', onData).on('end', onEnd).on('error', onSourceError);
    wire.on('close', onClose);
    if (gunzip !== null) wire.on('error', onClose);
  });
}

function contentDecoder(headers: IncomingHttpHeaders): Gunzip | null {
  const encoding = headers['content-encoding']?.trim().toLowerCase();
  if (encoding === undefined || encoding === '' || encoding === 'identity') return null;
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip();
  throw new Problem('unsupported_encoding', {
    detail: 'Bodies may be compressed with gzip, or not at all.',
    errors: [
      { pointer: 'header:content-encoding', code: 'unsupported_encoding', message: 'expected gzip or none' },
    ],
    headers: { 'accept-encoding': 'gzip, identity' },
  });
}

const MIB = 1024 * 1024;

function tooLarge(maxBytes: number): Problem {
  const limit = maxBytes < MIB ? `${maxBytes / 1024} KiB` : `${maxBytes / MIB} MiB`;
  return new Problem('body_too_large', {
    detail: `The body may have at most ${limit} after inflating.`,
    errors: [{ pointer: '', code: 'body_too_large', message: `at most ${limit}` }],
  });
}

function brokenGzip(): Problem {
  return new Problem('malformed_body', {
    detail: 'The body is announced as gzip, but cannot be inflated to its end.',
    errors: [{ pointer: '', code: 'malformed_gzip', message: 'not a whole gzip stream' }],
  });
}
