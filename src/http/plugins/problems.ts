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
  keepConnection(request, reply);

  reply.problemCode = problem.code;
  void reply
    .code(problem.status)
    .headers(problem.headers)
    .header('x-request-id', request.id)
    .header('content-type', 'application/problem+json')
    // As bytes, because to text the framework would add a charset, which this type does not have.
    .send(Buffer.from(problemBody(problem, request.id)));
}

/** Closing a connection with bytes unread resets it, and the answer with it. The rest is drained instead. */
function keepConnection(request: FastifyRequest, reply: FastifyReply): void {
  reply.removeHeader('connection');
  drainRest(request.raw);
}

export function registerProblems(app: FastifyInstance): void {
  const allowed = new AllowedMethods();
  app.decorateReply('problemCode', null);
  app.addHook('onRoute', (route) => {
    allowed.add(route);
  });
  const refuse = (request: FastifyRequest, reply: FastifyReply): void => {
    const path = request.url.split(/[?#]/, 1)[0] ?? '';
    const methods = request.method === 'OPTIONS' ? allowed.asked(path) : undefined;
    if (methods === undefined) sendProblem(unrouted(path, allowed), request, reply);
    else {
      keepConnection(request, reply);
      void reply.code(204).header('allow', methods).send();
    }
  };
  app.setErrorHandler((error: FastifyError, request, reply) => {
    // Where nothing is, nothing else is wrong, whatever the framework looks at first: the content type of a QUERY, say.
    if (request.is404 && !(error instanceof Problem)) refuse(request, reply);
    else sendProblem(error, request, reply);
  });
  app.setNotFoundHandler(refuse);
}

function unrouted(path: string, allowed: AllowedMethods): Problem {
  const methods = allowed.of(path);
  if (methods !== undefined) {
    return new Problem('method_not_allowed', {
      detail: `Allowed here: ${methods}.`,
      headers: { allow: methods },
    });
  }
  const meant = path.replace(/\/\/+/g, '/').replace(/(?<=.)\/$/, '');
  const guess = meant !== path && allowed.of(meant) !== undefined ? `; did you mean ${meant}?` : '.';
  return new Problem('not_found', { detail: `No route has this path${guess}` });
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
    return joined([...this.#routes.values()].filter(({ pattern }) => pattern.test(path)));
  }

  /** The same for OPTIONS, where `*` stands for all paths together. */
  asked(path: string): string | undefined {
    return path === '*' ? joined([...this.#routes.values()]) : this.of(path);
  }
}

function joined(routes: readonly { readonly methods: ReadonlySet<string> }[]): string | undefined {
  if (routes.length === 0) return undefined;
  return [...new Set(['OPTIONS', ...routes.flatMap(({ methods }) => [...methods])])].sort().join(', ');
}

function pathPattern(url: string): RegExp {
  const parts = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${parts.join('/')}$`);
}
