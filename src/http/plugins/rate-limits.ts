import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Problem } from '../errors.js';
import type { Rate } from '../limits.js';

/** @throws Problem `too_many_requests` once there were more than the rate allows */
export type CountRequest = (request: FastifyRequest) => Promise<void>;

/** Once, at the root. Nothing is limited by that alone: ingest never is. */
export function prepareRateLimits(app: FastifyInstance): void {
  app.register(rateLimit, { global: false });
}

/**
 * A limit with counters of its own, for a scope that is registered after `prepareRateLimits`. It remembers the 5,000
 * that were counted last, and forgets the others.
 *
 * @param of what is counted, for people
 * @param nameOf whom a request counts for; when absent its address
 */
export function countRequests(
  scope: FastifyInstance,
  { max, windowMs }: Rate,
  of: string,
  nameOf: (request: FastifyRequest) => string = addressOf,
): CountRequest {
  const count = scope.createRateLimit({ max, timeWindow: windowMs, keyGenerator: nameOf });
  return async (request) => {
    const counted = await count(request);
    if (counted.isAllowed || !counted.isExceeded) return;
    const waitS = Math.max(1, counted.ttlInSeconds);
    throw new Problem('too_many_requests', {
      detail: `More than ${max} ${of} within ${windowMs / 1000} s: try again in ${waitS} s.`,
      headers: { 'retry-after': String(waitS) },
    });
  };
}

/** Neighbours in one /64 of IPv6 are most likely one machine. */
function addressOf({ ip }: Partial<FastifyRequest>): string {
  // Who has gone away already has no address any more.
  return ip === undefined ? '' : rateLimit.normalizeIP(ip);
}

/** For the scope of the admin routes, after its guard. Without keys there is nobody to tell from the others. */
export function limitPerKey(scope: FastifyInstance, rate: Rate): void {
  const count = countRequests(scope, rate, 'requests with this key', ({ keyName }) => keyName ?? '');
  scope.addHook('onRequest', async (request) => {
    if (request.keyName !== null) await count(request);
  });
}
