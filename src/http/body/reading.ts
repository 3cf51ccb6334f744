/** The kinds of body that handlers meet, and how each comes off the wire. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { unsupportedMediaType } from '../errors.js';
import { MAX_NDJSON_BYTES } from '../limits.js';
import type { BodyLease } from './budget.js';
import { GrowingBytes } from './growing-bytes.js';
import { parseJson } from './json.js';
import { type TakeChunk, readWire } from './wire.js';

/** A JSON body that has arrived whole. */
export class JsonBody {
  /** @param bytes as received, after inflating */
  constructor(readonly bytes: Buffer) {}

  /**
   * What the bytes say, read anew at each call.
   * @throws Problem `malformed_body`
   */
  parse(): unknown {
    return parseJson(this.bytes);
  }
}

/** An NDJSON body, still on the wire. */
export class NdjsonBody {
  constructor(
    private readonly wire: Readable,
    private readonly headers: IncomingHttpHeaders,
    private readonly lease: BodyLease,
  ) {}

  /** As `readWire`; the chunks are paid for. */
  read(take: TakeChunk): Promise<void> {
    return readWire(this.wire, this.headers, MAX_NDJSON_BYTES, (chunk) => {
      this.lease.take(chunk.length);
      return take(chunk);
    });
  }
}

/** @returns null for an empty body */
export async function readJsonBody(
  wire: Readable,
  headers: IncomingHttpHeaders,
  lease: BodyLease,
  maxBytes: number,
): Promise<JsonBody | null> {
  // Most bodies are one chunk, which is then used as it came.
  const kept: { first: Buffer | null } = { first: null };
  const several = new GrowingBytes(lease);
  await readWire(wire, headers, maxBytes, (chunk) => {
    if (kept.first === null && several.length === 0) {
      lease.take(chunk.length);
      kept.first = chunk;
      return;
    }
    if (kept.first !== null) several.append(kept.first);
    kept.first = null;
    several.append(chunk);
  });
  const bytes = kept.first ?? several.take();
  return bytes.length === 0 ? null : new JsonBody(bytes);
}

/** For content types nobody reads, or none: an empty body has no type that could be wrong. */
export async function expectNoBody(
  wire: Readable,
  headers: IncomingHttpHeaders,
  expected: string,
): Promise<null> {
  const refusal = unsupportedMediaType(expected);
  if (Number(headers['content-length'] ?? 0) > 0) throw refusal;
  await readWire(wire, headers, 0, () => {
    throw refusal;
  });
  return null;
}
