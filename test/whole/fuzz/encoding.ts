/** Bodies as they are put on the wire: plain or gzip, whole or broken. */
import { deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';

export interface Encoded {
  readonly bytes: Buffer;
  /** The value of Content-Encoding; null: none. */
  readonly encoding: string | null;
  /** What the service has to read it as, should it be able to read it. */
  readonly plain: Buffer;
}

type Encode = (plain: Buffer, at: number) => Encoded;

const gzipped = (plain: Buffer, bytes: Buffer = gzipSync(plain), encoding = 'gzip'): Encoded => ({
  bytes,
  encoding,
  plain,
});

const BROKEN: readonly Encode[] = [
  (plain, at) => gzipped(plain, gzipSync(plain).subarray(0, at % (gzipSync(plain).length - 1))),
  // One in its head says nothing: then the body is whole.
  (plain, at) => gzipped(plain, flipped(gzipSync(plain), at)),
  (plain) => gzipped(plain, Buffer.concat([gzipSync(plain), Buffer.from('garbage')])),
  (plain) => gzipped(Buffer.concat([plain, plain]), Buffer.concat([gzipSync(plain), gzipSync(plain)])),
  (plain) => gzipped(gzipSync(plain)),
  (plain) => gzipped(plain, deflateSync(plain), 'deflate'),
  (plain) => gzipped(plain, plain),
  (plain) => gzipped(plain, gzipSync(plain), 'br'),
  (plain) => gzipped(plain, gzipSync(plain), 'gzip, gzip'),
  (plain) => gzipped(plain, plain, 'utf-8'),
];

const bombed = Buffer.alloc(32 * 1024 * 1024, ' ');
/** Twice what any body may have, from a thousandth of it. */
export const gzipBomb = gzipped(bombed);

export function encoded(plain: fc.Arbitrary<Buffer>): fc.Arbitrary<Encoded> {
  return fc.oneof(
    { weight: 60, arbitrary: plain.map((bytes) => ({ bytes, encoding: null, plain: bytes })) },
    { weight: 8, arbitrary: plain.map((bytes) => gzipped(bytes)) },
    { weight: 1, arbitrary: plain.map((bytes) => ({ bytes, encoding: 'identity', plain: bytes })) },
    {
      weight: 4,
      arbitrary: fc
        .tuple(plain, fc.constantFrom(...BROKEN), fc.nat())
        .map(([bytes, encode, at]) => encode(bytes, at)),
    },
  );
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const place = at % copy.length;
  copy[place] = copy.readUInt8(place) ^ (1 << (at % 8));
  return copy;
}
