import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { SenderKey } from '../../config/keys.js';
import { routeOf } from '../route-of.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Logs requests of this route at debug only: probes come every few seconds. */
    quiet?: boolean;
  }
}

const prefix = randomBytes(6).toString('hex');
let lastNumber = 0;

/** Unlike any other id of this and, most likely, of any other process. */
export function newRequestId(): string {
  lastNumber += 1;
  return `${prefix}-${lastNumber.toString(36)}`;
}

/** The sender's own id when it is fit for a header and a log line and is not the secret of a key, else a new one. */
export function requestIds(keys: readonly SenderKey[]): (request: IncomingMessage) => string {
  const secrets = new Set(keys.map(({ secret }) => digestOf(secret)));
  return ({ headers }) => {
    const given = headers['x-request-id'];
    const isFit = typeof given === 'string' && /^[\x21-\x7e]{1,64}$/.test(given);
    return isFit && !secrets.has(digestOf(given)) ? given : newRequestId();
  };
}

/** Compared instead of the text itself, so that the time taken tells nothing about any secret. */
function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/** Request ids in every answer, and one line in the log per request. Never logs headers, bodies or query strings. */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    const level = request.routeOptions.config.quiet === true ? 'debug' : 'info';
    request.log[level](
      {
        request_id: request.id,
        method: request.method,
        route: routeOf(request),
        status: reply.statusCode,
        duration_ms: Math.round(reply.elapsedTime * 1000) / 1000,
        key: request.keyName,
        problem: reply.problemCode ?? undefined,
      },
      'request',
    );
    done();
  });
}
