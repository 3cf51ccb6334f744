import type { FastifyInstance } from 'fastify';
import type { DoorObserver } from '../deps.js';
import { routeOf } from '../route-of.js';

/** Tells the observer of every request that was answered. */
export function observeRequests(app: FastifyInstance, observer: DoorObserver): void {
  app.addHook('onResponse', (request, reply, done) => {
    observer.requestAnswered({
      method: request.method,
      route: routeOf(request),
      status: reply.statusCode,
      seconds: reply.elapsedTime / 1000,
    });
    done();
  });
}
