import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { MAX_CONNECTIONS } from '../limits.js';

/** Bounds what clients can hold on to: how many connections, and for how long an answer that they do not read. */
export function boundConnections(app: FastifyInstance): void {
  app.server.maxConnections = MAX_CONNECTIONS;
  tellWhenFull(app);
  app.addHook('onRequest', (request, reply, done) => {
    endWhenStalled(request, reply);
    done();
  });
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
 * time; one that is made and not read may not.
 */
function endWhenStalled(request: FastifyRequest, { raw }: FastifyReply): void {
  raw.on('timeout', (socket: Socket) => {
    if (socket.writableLength === 0) return;
    // The line of the request is written when its answer is through, and so never for this one.
    const { id, routeOptions, keyName } = request;
    request.log.info({ request_id: id, route: routeOptions.url, key: keyName }, 'answer left unread');
    socket.resetAndDestroy();
  });
}
