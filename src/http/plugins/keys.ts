import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Scope, SenderKey } from '../../config/keys.js';
import { Problem } from '../errors.js';
import { FAILED_KEY_RATE } from '../limits.js';
import { type CountRequest, countRequests } from './rate-limits.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Name of the key the request came with; null without keys. */
    keyName: string | null;
  }
}

/** Refuses requests of this scope without a key that opens it. An admin key opens every scope. */
export type Guard = (scope: FastifyInstance, needed: Scope) => void;

/**
 * Once, at the root, after the rate limits. Without any key the guard lets everybody through.
 *
 * Too many failures of an address turn its 401 into 429. A good key is let through before anything is counted: behind
 * one address there may be a whole fleet, and one sender with an old key is not to lock out the others.
 */
export function prepareKeys(app: FastifyInstance, keys: readonly SenderKey[]): Guard {
  app.decorateRequest('keyName', null);
  if (keys.length === 0) return () => undefined;

  const known = keys.map(({ name, scope, secret }) => ({ name, scope, digest: sha256(secret) }));
  let countFailure: CountRequest | undefined;
  return (scope, needed) => {
    const failures = (countFailure ??= countRequests(scope, FAILED_KEY_RATE, 'failed attempts with keys'));
    scope.addHook('onRequest', (request, _reply, done) => {
      const refuse = (refusal: Problem): void => {
        failures(request).then(() => {
          done(refusal);
        }, done);
      };
      const secret = presentedSecret(request);
      if (secret === undefined) {
        refuse(unauthorized('Bearer realm="call-logger"', 'The request has no key'));
        return;
      }
      const digest = sha256(secret);
      // Digests are of one length and every one is compared, so the time taken tells nothing about any secret.
      const matches = known.filter((key) => timingSafeEqual(key.digest, digest));
      if (matches[0] === undefined) {
        refuse(unauthorized('Bearer realm="call-logger", error="invalid_token"', 'The key is not known'));
        return;
      }
      const opening = matches.find((key) => key.scope === needed || key.scope === 'admin');
      request.keyName = (opening ?? matches[0]).name;
      if (opening === undefined) {
        throw new Problem('forbidden', {
          detail: `The key is known, but does not open the ${needed} routes.`,
        });
      }
      done();
    });
  };
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** A bearer token counts before X-API-Key. */
function presentedSecret({ headers }: FastifyRequest): string | undefined {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  const key = headers['x-api-key'];
  return typeof key === 'string' && key !== '' ? key : undefined;
}

function unauthorized(challenge: string, what: string): Problem {
  return new Problem('unauthorized', {
    detail: `${what}: send it as "Authorization: Bearer KEY" or "X-API-Key: KEY".`,
    headers: { 'www-authenticate': challenge },
  });
}
