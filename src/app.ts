import fastify, { type FastifyInstance } from 'fastify';
import { BodyBudget } from './http/body/budget.js';
import type { AppDeps } from './http/deps.js';
import { prepareBodies, readEventBodies, readJsonBodies } from './http/plugins/bodies.js';
import { closeIdleConnectionsWhileClosing } from './http/plugins/closing.js';
import { prepareKeys } from './http/plugins/keys.js';
import { describeApi } from './http/plugins/openapi.js';
import { registerProblems } from './http/plugins/problems.js';
import { logRequests } from './http/plugins/request-log.js';
import { leaveEventsToAccept, validateRequests } from './http/plugins/validation.js';
import { flushRoute } from './http/routes/admin/flush.js';
import { statusRoute } from './http/routes/admin/status.js';
import { getCallRoute } from './http/routes/calls/get-call.js';
import { docsRoutes } from './http/routes/docs.js';
import { healthRoutes } from './http/routes/health.js';
import { eventsRoute } from './http/routes/ingest/events.js';
import { singleEventRoutes } from './http/routes/ingest/single.js';
import { addSchemas } from './http/schemas/index.js';
import { serverOptions } from './http/server-options.js';

/** The door, ready to listen or to be injected into. Does no I/O and starts nothing. */
export function buildApp(deps: AppDeps, budget = new BodyBudget()): FastifyInstance {
  const app = fastify(serverOptions(deps.logger));

  registerProblems(app);
  logRequests(app);
  closeIdleConnectionsWhileClosing(app);
  validateRequests(app);
  prepareBodies(app);
  addSchemas(app);
  describeApi(app, deps.version);
  const guard = prepareKeys(app, deps.keys);

  app.register(async (ingest) => {
    guard(ingest, 'ingest');
    leaveEventsToAccept(ingest);
    ingest.register(async (single) => {
      readEventBodies(single, budget, { ndjson: false });
      singleEventRoutes(single, deps.intake);
    });
    ingest.register(async (batches) => {
      readEventBodies(batches, budget, { ndjson: true });
      eventsRoute(batches, deps.intake);
    });
  });

  app.register(async (read) => {
    guard(read, 'read');
    getCallRoute(read, deps.calls);
  });

  app.register(async (admin) => {
    guard(admin, 'admin');
    readJsonBodies(admin, budget);
    statusRoute(admin, deps.status);
    flushRoute(admin, deps.intake);
  });

  app.register(async (open) => {
    healthRoutes(open, deps);
    docsRoutes(open);
  });

  return app;
}
