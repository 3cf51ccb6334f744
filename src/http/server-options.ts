/** How the HTTP server under the door behaves, each setting on purpose. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type FastifyBaseLogger, type FastifyHttpOptions, LogController } from 'fastify';
import type { RawServerDefault } from 'fastify';
import { isAnswered } from './body/drain.js';
import { STALL_MS } from './limits.js';
import { Problem, type ProblemCode, problemBody } from './errors.js';
import type { AppDeps, DoorObserver } from './deps.js';
import { replyUnderWay } from './plugins/connections.js';
import { SECURITY_HEADERS } from './plugins/foreign-pages.js';
import { newRequestId, requestIds } from './plugins/request-log.js';
import { sendProblem } from './plugins/problems.js';
import { normalizeTarget } from './request-target.js';

/** How long a connection that was refused below HTTP may take to read the answer. */
const LINGER_MS = 1_000;
const MAX_HEADER_BYTES = 16 * 1024;

export function serverOptions({
  logger,
  keys,
  observer,
}: Pick<AppDeps, 'logger' | 'keys' | 'observer'>): FastifyHttpOptions<RawServerDefault> {
  return {
    loggerInstance: logger,
    // The door writes one line per request itself, with the request id in it, so no logger per request is needed.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (parent) => parent,
    requestIdHeader: false,
    genReqId: requestIds(keys),
    // No plugin waits for anything but the processor, so one that takes long is a slow machine (or one that was asleep):
    // a slow start is better than none.
    pluginTimeout: 0,

    // A whole request, body included, has half a minute: 16 MiB at 4.5 Mbit/s. Slower senders send smaller batches.
    requestTimeout: 30_000,
    // Longer than the 60 s after which common load balancers give up an idle connection, so that it is never us who
    // closes one just as the balancer sends the next request over it.
    keepAliveTimeout: 72_000,
    // No limit: senders keep one connection for days.
    maxRequestsPerSocket: 0,
    // Silence on a socket in the middle of an answer: boundConnections says what it ends.
    connectionTimeout: STALL_MS,
    http: {
      // Headers come in one packet or two; who needs longer holds a connection open on purpose.
      headersTimeout: 10_000,
      // How often the two timeouts above are looked at.
      connectionsCheckingInterval: 2_000,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Node's own refusal has no body: answerEveryRequest refuses instead.
      requireHostHeader: false,
    },
    // While closing, requests that still arrive on open connections are served and told to close: the spool is closed
    // after the door, so it can take them.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    rewriteUrl: ({ method, url = '/' }) => normalizeTarget(method, url),
    routerOptions: {
      // An id has up to 128 characters of up to 12 bytes each when percent-encoded; longer ones get a 400 from the
      // route rather than a 404 from the router. The header limit bounds them.
      maxParamLength: MAX_HEADER_BYTES,
    },
    frameworkErrors: (error, request, reply) => {
      // No hook runs for these.
      sendProblem(error, request, reply.headers(SECURITY_HEADERS));
      logger.info(
        { request_id: request.id, status: reply.statusCode, problem: reply.problemCode },
        'request refused',
      );
      observer.requestRefused(reply.problemCode ?? 'internal');
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET') socket.destroy();
      else
        afterRepliesUnderWay(socket, () => {
          answerClientError(error.code, socket, logger, observer);
        });
    },
  };
}

const waiting = new WeakSet<Socket>();

/**
 * What is wrong may stand behind requests that were right and have not been answered yet: answered before them, it would be
 * taken for the answer to the first of them. Everything that comes meanwhile is wrong as well and changes nothing.
 */
function afterRepliesUnderWay(socket: Socket, answer: () => void): void {
  const reply = replyUnderWay(socket);
  if (reply === undefined) {
    answer();
  } else if (!waiting.has(socket)) {
    waiting.add(socket);
    reply.raw.once('close', () => {
      waiting.delete(socket);
      answer();
    });
  }
}

/** Errors of a connection that never became a request, or whose request did not arrive whole. */
function answerClientError(
  errorCode: string,
  socket: Socket,
  logger: FastifyBaseLogger,
  observer: DoorObserver,
): void {
  if (!socket.writable || isAnswered(socket)) {
    socket.destroy();
    return;
  }
  const problem = new Problem(problemOf[errorCode] ?? 'malformed_request');
  const requestId = newRequestId();
  logger.info(
    { request_id: requestId, status: problem.status, problem: problem.code, cause: errorCode },
    'request refused',
  );
  observer.requestRefused(problem.code);
  const body = problemBody(problem, requestId);
  socket.end(
    [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(body)}`,
      `x-request-id: ${requestId}`,
      ...Object.entries(SECURITY_HEADERS).map(([name, value]) => `${name}: ${value}`),
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
  // Destroying it at once would reset the connection and take the answer back.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

const problemOf: Readonly<Record<string, ProblemCode>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
};
