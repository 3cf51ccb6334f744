import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

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

/** The sender's own id when it is fit for a header and a log line, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\x21-\x7e]{1,64}$/.test(given) ? given : newRequestId();
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
        route: request.is404 ? null : (request.routeOptions.url ?? null),
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
