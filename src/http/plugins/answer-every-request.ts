import type { FastifyInstance } from 'fastify';
import { Problem } from '../errors.js';

/** Node answers some requests by itself, without a body and before the door sees them. Here they come to the door. */
export function answerEveryRequest(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { headers, raw } = request;
    if ((headers.host === undefined && raw.httpVersion === '1.1') || hasTwoHosts(raw.rawHeaders))
      throw new Problem('malformed_request', { detail: 'HTTP/1.1 asks for one Host header.' });
    done();
  });
  // Of an Expect other than 100-continue nothing has to come (RFC 9110, 10.1.1); node would answer 417.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response));
}

/** Of two, whoever looks at them next may believe the other. */
function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  const isHost = (name: string, i: number) =>
    i % 2 === 0 && name.length === 4 && name.toLowerCase() === 'host';
  return rawHeaders.findIndex(isHost) !== rawHeaders.findLastIndex(isHost);
}
