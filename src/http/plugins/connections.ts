import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { MAX_CONNECTIONS } from '../limits.js';

/** The reply to the latest request of a connection. One map for all, because a listener for each request costs ingest some percent. */
const latest = new WeakMap<Socket, FastifyReply>();

/** The last reply that is still under way to requests which have arrived whole; undefined when there is none. */
export function replyUnderWay(socket: Socket): FastifyReply | undefined {
  const reply = latest.get(socket);
  return reply?.request.raw.complete === true && !reply.raw.writableFinished ? reply : undefined;
}

/** Bounds what clients can hold on to: how many connections, and for how long an answer that they do not read. */
export function boundConnections(app: FastifyInstance): void {
  app.server.maxConnections = MAX_CONNECTIONS;
  tellWhenFull(app);
  endWhenStalled(app);
}

/** Beyond the limit connections are closed as soon as they are made. One line for each time it is reached, not for each. */
function tellWhenFull({ server, log }: FastifyInstance): void {
  let isFull = false;
  server.on('drop', () => {
    if (!isFull) log.warn({ connections: server.maxConnections }, 'no more connections are taken');
    isFull = true;
  });
  server.on('connection', () => {
    isFull = false;
  });
}

/**
 * The timeout of a socket is put off by every byte that goes through. An answer that is still being made may take its
 * time; one that is made and not read may not, and a connection that nothing is answered on has had its time.
 */
function endWhenStalled(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    latest.set(request.raw.socket, reply);
    done();
  });
  app.server.on('timeout', (socket: Socket) => {
    const reply = latest.get(socket);
    if (reply === undefined || reply.raw.writableFinished) {
      socket.destroy();
      return;
    }
    if (socket.writableLength === 0) return;
    // The line of the request is written when its answer is through, and so never for this one.
    const { id, routeOptions, keyName, log } = reply.request;
    log.info({ request_id: id, route: routeOptions.url, key: keyName }, 'answer left unread');
    socket.resetAndDestroy();
  });
}
