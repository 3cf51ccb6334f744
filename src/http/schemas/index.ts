import type { FastifyInstance } from 'fastify';
import { EVENT_SCHEMAS } from '../../events/schemas.js';
import { HEALTH_SCHEMAS } from './health.js';
import { INGEST_SCHEMAS } from './ingest.js';
import { PROBLEM_SCHEMAS } from './problem.js';
import { ADMIN_SCHEMAS } from './status.js';
import { STORED_CALL_SCHEMAS } from './stored-call.js';

/** Registers every shared schema; their `$id`s are the component names of the OpenAPI document. */
export function addSchemas(app: FastifyInstance): void {
  const schemas = [
    ...PROBLEM_SCHEMAS,
    ...EVENT_SCHEMAS,
    ...INGEST_SCHEMAS,
    ...STORED_CALL_SCHEMAS,
    ...ADMIN_SCHEMAS,
    ...HEALTH_SCHEMAS,
  ];
  for (const schema of schemas) app.addSchema(schema);
}
