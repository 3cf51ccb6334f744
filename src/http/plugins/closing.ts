import type { FastifyInstance } from 'fastify';

const LOOK_AGAIN_MS = 25;

/**
 * Closing waits for every connection to end. Idle ones are closed at its start; one that is in the middle of a request
 * then becomes idle afterwards, and would stay open for as long as keep-alive allows.
 */
export function closeIdleConnectionsWhileClosing(app: FastifyInstance): void {
  app.addHook('preClose', (done) => {
    const timer = setInterval(() => {
      app.server.closeIdleConnections();
    }, LOOK_AGAIN_MS);
    app.server.once('close', () => {
      clearInterval(timer);
    });
    // A server that never listened has nothing to close and never says so.
    if (!app.server.listening) clearInterval(timer);
    done();
  });
}
