import type { FastifyInstance } from 'fastify';
import type { DoorObserver } from '../deps.js';

/** Tells the observer of every request that was answered. */
export function observeRequests(app: FastifyInstance, observer: DoorObserver): void {
  app.addHook('onResponse', (request, reply, done) => {
    observer.requestAnswered({
      method: request.method,
      route: request.is404 ? null : (request.routeOptions.url ?? null),
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1000,
    });
    done();
  });
}
