/** The one error handler, the one not-found handler, and errors from below HTTP. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { drainRest } from '../body/drain.js';
import { Problem, problemBody, toProblem } from '../errors.js';

declare module 'fastify' {
  interface FastifyReply {
    /** Code of the problem this reply tells, for the log. */
    problemCode: string | null;
  }
}

/** Answers with a problem; safe to call for any error, at any time before the reply is sent. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error);
  if (problem.status >= 500 && problem.status !== 503) {
    request.log.error(
      { err: problem.cause ?? problem, request_id: request.id, problem: problem.code },
      'request failed',
    );
  }
  request.bodyLease?.release();
  // Closing a connection with bytes unread resets it, and the answer with it. The rest is drained instead.
  reply.removeHeader('connection');
  drainRest(request.raw);

  reply.problemCode = problem.code;
  void reply
    .code(problem.status)
    .headers(problem.headers)
    .header('x-request-id', request.id)
    .header('content-type', 'application/problem+json')
    // As bytes, because to text the framework would add a charset, which this type does not have.
    .send(Buffer.from(problemBody(problem, request.id)));
}

export function registerProblems(app: FastifyInstance): void {
  const allowed = new AllowedMethods();
  app.decorateReply('problemCode', null);
  app.addHook('onRoute', (route) => {
    allowed.add(route);
  });
  const refuse = (request: FastifyRequest, reply: FastifyReply): void => {
    sendProblem(unrouted(request, allowed), request, reply);
  };
  app.setErrorHandler((error: FastifyError, request, reply) => {
    // Where nothing is, nothing else is wrong, whatever the framework looks at first: the content type of a QUERY, say.
    if (request.is404 && !(error instanceof Problem)) refuse(request, reply);
    else sendProblem(error, request, reply);
  });
  app.setNotFoundHandler(refuse);
}

function unrouted(request: FastifyRequest, allowed: AllowedMethods): Problem {
  const methods = allowed.of(request.url.split(/[?#]/, 1)[0] ?? '');
  return methods === undefined
    ? new Problem('not_found', { detail: 'No route has this path.' })
    : new Problem('method_not_allowed', {
        detail: `Allowed here: ${methods}.`,
        headers: { allow: methods },
      });
}

/** Which methods the routes of a path have: the router only knows whether path and method fit together. */
class AllowedMethods {
  readonly #routes = new Map<string, { pattern: RegExp; methods: Set<string> }>();

  add(route: Pick<RouteOptions, 'url' | 'method'>): void {
    const known = this.#routes.get(route.url) ?? { pattern: pathPattern(route.url), methods: new Set() };
    for (const method of [route.method].flat()) known.methods.add(method);
    this.#routes.set(route.url, known);
  }

  /** For an Allow header; undefined when no route has this path. */
  of(path: string): string | undefined {
    for (const { pattern, methods } of this.#routes.values()) {
      if (pattern.test(path)) return [...methods].sort().join(', ');
    }
    return undefined;
  }
}

function pathPattern(url: string): RegExp {
  const parts = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}$`);
}
