import fastify, { type FastifyInstance } from 'fastify';
import { BodyBudget } from './http/body/budget.js';
import type { AppDeps } from './http/deps.js';
import { ADMIN_RATE, EXPORT_STALL_MS } from './http/limits.js';
import { docsPage } from './http/docs-page/docs-page.js';
import { answerEveryRequest } from './http/plugins/answer-every-request.js';
import { prepareBodies, readEventBodies, readJsonBodies } from './http/plugins/bodies.js';
import { closeIdleConnectionsWhileClosing } from './http/plugins/closing.js';
import { answerCompression } from './http/plugins/compression.js';
import { boundConnections } from './http/plugins/connections.js';
import { prepareKeys } from './http/plugins/keys.js';
import { refuseForeignPages } from './http/plugins/foreign-pages.js';
import { describeApi } from './http/plugins/openapi.js';
import { registerProblems } from './http/plugins/problems.js';
import { observeRequests } from './http/plugins/observe-requests.js';
import { limitPerKey, prepareRateLimits } from './http/plugins/rate-limits.js';
import { logRequests } from './http/plugins/request-log.js';
import { leaveEventsToAccept, validateRequests } from './http/plugins/validation.js';
import { backupsRoutes } from './http/routes/admin/backups.js';
import { cleanupRoute } from './http/routes/admin/cleanup.js';
import { deadLettersRoutes, replayRoutes } from './http/routes/admin/dead-letters.js';
import { downloadBackupRoute } from './http/routes/admin/download-backup.js';
import { flushRoute } from './http/routes/admin/flush.js';
import { runsRoute } from './http/routes/admin/runs.js';
import { startBackupRoute } from './http/routes/admin/start-backup.js';
import { statusRoute } from './http/routes/admin/status.js';
import { verifyBackupRoute } from './http/routes/admin/verify-backup.js';
import { getCallRoute } from './http/routes/calls/get-call.js';
import { listCallsRoute } from './http/routes/calls/list-calls.js';
import { clientsRoutes } from './http/routes/clients.js';
import { docsRoutes } from './http/routes/docs.js';
import { exportRoutes } from './http/routes/exports/exports.js';
import { manifestRoute } from './http/routes/exports/manifest.js';
import { Manifests } from './http/routes/exports/manifests.js';
import { healthRoutes } from './http/routes/health.js';
import { eventsRoute } from './http/routes/ingest/events.js';
import { singleEventRoutes } from './http/routes/ingest/single.js';
import { metricsRoute } from './http/routes/metrics.js';
import { statisticsRoute } from './http/routes/stats/stats.js';
import { addSchemas } from './http/schemas/index.js';
import { serverOptions } from './http/server-options.js';

/** The door, ready to listen or to be injected into. Does no I/O and starts nothing. */
export function buildApp(
  deps: AppDeps,
  budget = new BodyBudget(),
  stallMs = EXPORT_STALL_MS,
): FastifyInstance {
  const app = fastify(serverOptions(deps));

  registerProblems(app);
  logRequests(app);
  observeRequests(app, deps.observer);
  boundConnections(app);
  refuseForeignPages(app, { hasKeys: deps.keys.length > 0, allowedHosts: deps.allowedHosts });
  answerEveryRequest(app);
  closeIdleConnectionsWhileClosing(app);
  validateRequests(app);
  // The schemas of answers describe and do not write: a field that is missing in them is not dropped without a word.
  app.setSerializerCompiler(() => JSON.stringify);
  prepareBodies(app);
  addSchemas(app);
  describeApi(app, deps.version);
  prepareRateLimits(app);
  const guard = prepareKeys(app, deps.keys);
  // Not of ingest, whose answers are small and many.
  const compress = answerCompression();

  app.register(async (ingest) => {
    guard(ingest, 'ingest');
    leaveEventsToAccept(ingest);
    ingest.register(async (single) => {
      readEventBodies(single, budget, { batches: false });
      singleEventRoutes(single, deps);
    });
    ingest.register(async (batches) => {
      readEventBodies(batches, budget, { batches: true });
      eventsRoute(batches, deps);
    });
  });

  app.register(async (read) => {
    guard(read, 'read');
    compress(read);
    listCallsRoute(read, deps.calls);
    getCallRoute(read, deps.calls);
    statisticsRoute(read, deps.statistics);
    const manifests = new Manifests();
    exportRoutes(read, { ...deps, manifests, stallMs });
    manifestRoute(read, manifests);
  });

  app.register(async (admin) => {
    guard(admin, 'admin');
    compress(admin);
    limitPerKey(admin, ADMIN_RATE);
    readJsonBodies(admin, budget);
    statusRoute(admin, deps.status);
    flushRoute(admin, deps.intake);
    cleanupRoute(admin, deps.upkeep);
    startBackupRoute(admin, deps.upkeep);
    backupsRoutes(admin, deps.upkeep);
    downloadBackupRoute(admin, deps.upkeep);
    verifyBackupRoute(admin, deps.upkeep);
    deadLettersRoutes(admin, deps.upkeep);
    replayRoutes(admin, deps.upkeep);
    runsRoute(admin, deps.upkeep);
  });

  app.register(async (open) => {
    compress(open);
    healthRoutes(open, deps);
    metricsRoute(open, deps.metrics);
    docsRoutes(open);
    clientsRoutes(open, deps.pythonSender);
    open.register(docsPage);
  });

  return app;
}
