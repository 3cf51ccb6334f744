/** Everything that is thrown at the door, each shot made from the seed of the run and its own number alone. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { ApiDocument } from '../../../src/http/document/model.js';
import { keys, operationRequests } from './operations.js';
import { realEventRequests } from './real-events.js';
import { asLatin1, type FuzzRequest, percentEncoded } from './request.js';
import * as values from './values.js';
import { type BrokenWire, brokenWires } from './wire.js';

export type Shot =
  | { readonly kind: 'request'; readonly request: FuzzRequest }
  | { readonly kind: 'wire'; readonly wire: BrokenWire };

/** To paths and with methods that nobody has. */
const unrouted: fc.Arbitrary<FuzzRequest> = fc
  .record({
    method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'HEAD', 'LOCK'),
    start: fc.constantFrom(
      '/',
      '/v1/',
      '/v1/calls/',
      '/docs/',
      '/docs/static/',
      '/v1/admin/',
      '//',
      '/.',
      '/%2e%2e/',
    ),
    rest: values.text,
    isEncoded: fc.boolean(),
    key: keys,
  })
  .map(({ method, start, rest, isEncoded, key }) => ({
    name: 'no route',
    method,
    // A space would end the target.
    target: start + (isEncoded ? percentEncoded(rest) : asLatin1(rest).replace(/[\0-\x20\x7f]/g, '')),
    headers: key,
    body: null,
    chunked: false,
    isRight: false,
  }));

export type ShotOf = (index: number) => Shot;

export function shotsOf(document: ApiDocument, seed: number): ShotOf {
  const requests = fc.oneof(
    { weight: 10, arbitrary: operationRequests(document) },
    { weight: 8, arbitrary: realEventRequests },
    { weight: 1, arbitrary: unrouted },
  );
  const shots: fc.Arbitrary<Shot> = fc.oneof(
    { weight: 12, arbitrary: requests.map((request): Shot => ({ kind: 'request', request })) },
    { weight: 1, arbitrary: brokenWires.map((wire): Shot => ({ kind: 'wire', wire })) },
  );
  return (index) => {
    const [shot] = fc.sample(shots, { seed: seedOf(seed, index), numRuns: 1 });
    if (shot === undefined) throw new Error('fast-check gave nothing');
    return shot;
  };
}

/** Far apart for neighbours. */
function seedOf(seed: number, index: number): number {
  return createHash('sha256').update(`${seed} ${index}`).digest().readInt32LE();
}
