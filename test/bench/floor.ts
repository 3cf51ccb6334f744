/**
 * What our door alone costs: a server that answers POST /v1/calls like the service, with all its plumbing (server options,
 * body reading, schemas, keys, request log, metrics), and does nothing with the call.
 */
import fastify, { type FastifyInstance } from 'fastify';
import { BodyBudget } from '../../src/http/body/budget.js';
import { JsonBody } from '../../src/http/body/reading.js';
import { closeIdleConnectionsWhileClosing } from '../../src/http/plugins/closing.js';
import { prepareBodies, readEventBodies } from '../../src/http/plugins/bodies.js';
import { prepareKeys } from '../../src/http/plugins/keys.js';
import { registerProblems } from '../../src/http/plugins/problems.js';
import { observeRequests } from '../../src/http/plugins/observe-requests.js';
import { logRequests } from '../../src/http/plugins/request-log.js';
import { leaveEventsToAccept, validateRequests } from '../../src/http/plugins/validation.js';
import { callSchema } from '../../src/http/routes/ingest/single-schemas.js';
import { addSchemas } from '../../src/http/schemas/index.js';
import { serverOptions } from '../../src/http/server-options.js';
import { createLogger } from '../../src/observe/logger.js';
import { Metrics } from '../../src/observe/metrics.js';

function plumbed(): FastifyInstance {
  const observer = new Metrics('bench', ['']).door;
  const app = fastify(serverOptions({ logger: createLogger({ logLevel: 'info' }), keys: [], observer }));
  registerProblems(app);
  logRequests(app);
  observeRequests(app, observer);
  closeIdleConnectionsWhileClosing(app);
  validateRequests(app);
  prepareBodies(app);
  addSchemas(app);
  const guard = prepareKeys(app, []);
  app.register(async (ingest) => {
    guard(ingest, 'ingest');
    leaveEventsToAccept(ingest);
    readEventBodies(ingest, new BodyBudget(), { batches: false });
    ingest.post('/v1/calls', { schema: callSchema }, async (request, reply) => {
      const { body } = request;
      request.bodyLease?.release();
      return reply.code(202).send({ call_id: callIdOf(body instanceof JsonBody ? body.parse() : null) });
    });
  });
  return app;
}

function callIdOf(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'call_id' in body ? body.call_id : null;
}

const app = plumbed();
process.once('SIGTERM', () => {
  app.server.closeAllConnections();
  void app.close().then(() => process.exit(0));
});
process.stderr.write(`listens on ${await app.listen({ host: '127.0.0.1', port: 0 })}\n`);
