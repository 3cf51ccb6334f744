import type { FastifyInstance } from 'fastify';
import { Problem } from '../errors.js';

/** Node answers some requests by itself, without a body and before the door sees them. Here they come to the door. */
export function answerEveryRequest(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { headers, raw } = request;
    if (headers.host === undefined && raw.httpVersion === '1.1')
      throw new Problem('malformed_request', { detail: 'HTTP/1.1 asks for a Host header.' });
    done();
  });
  // Of an Expect other than 100-continue nothing has to come (RFC 9110, 10.1.1); node would answer 417.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}
