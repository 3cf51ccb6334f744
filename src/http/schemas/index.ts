import type { FastifyInstance } from 'fastify';
import { EVENT_SCHEMAS } from '../../events/schemas.js';
import { BACKUP_SCHEMAS } from './backups.js';
import { CALL_LIST_SCHEMAS } from './call-list.js';
import { CLEANUP_SCHEMAS } from './cleanup.js';
import { CLOUD_EVENT_SCHEMAS } from './cloud-event.js';
import { DEAD_LETTER_SCHEMAS } from './dead-letters.js';
import { EXPORT_SCHEMAS } from './exports.js';
import { HEALTH_SCHEMAS } from './health.js';
import { INGEST_SCHEMAS } from './ingest.js';
import { PROBLEM_SCHEMAS } from './problem.js';
import { RUN_SCHEMAS } from './runs.js';
import { STATISTICS_SCHEMAS } from './statistics.js';
import { ADMIN_SCHEMAS } from './status.js';
import { STORED_CALL_SCHEMAS } from './stored-call.js';

/** Registers every shared schema; their `$id`s are the component names of the OpenAPI document. */
export function addSchemas(app: FastifyInstance): void {
  const schemas = [
    ...PROBLEM_SCHEMAS,
    ...EVENT_SCHEMAS,
    ...INGEST_SCHEMAS,
    ...CLOUD_EVENT_SCHEMAS,
    ...STORED_CALL_SCHEMAS,
    ...CALL_LIST_SCHEMAS,
    ...STATISTICS_SCHEMAS,
    ...EXPORT_SCHEMAS,
    ...ADMIN_SCHEMAS,
    ...CLEANUP_SCHEMAS,
    ...BACKUP_SCHEMAS,
    ...DEAD_LETTER_SCHEMAS,
    ...RUN_SCHEMAS,
    ...HEALTH_SCHEMAS,
  ];
  for (const schema of schemas) app.addSchema(schema);
}
