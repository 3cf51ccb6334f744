import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import type { Scope } from '../../config/keys.js';
import { finish } from '../document/finish.js';
import type { ApiDocument } from '../document/model.js';
import { introduction } from '../docs-page/introduction.js';

type TransformObject = NonNullable<FastifyDynamicSwaggerOptions['transformObject']>;

/** Collects the OpenAPI document from the schemas of all routes registered after it. */
export function describeApi(app: FastifyInstance, version: string): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'call-logger',
        version,
        summary: 'Takes betting alerts, clicks on them and their results, and answers what came of them.',
        description: `${introduction}\n${conventions}`,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [
        { url: '/', description: 'Where this document came from.' },
        { url: 'http://127.0.0.1:3000', description: 'A service with nothing configured.' },
      ],
      tags: [
        { name: 'events', description: 'Sending calls, clicks and results. Needs an ingest key.' },
        { name: 'calls', description: 'Reading calls back. Needs a read key.' },
        { name: 'statistics', description: 'What the calls add up to. Needs a read key.' },
        { name: 'exports', description: 'Taking training sets away. Needs a read key.' },
        { name: 'admin', description: 'Operating the service. Needs an admin key.' },
        { name: 'health', description: 'For load balancers and supervisors. Open to all.' },
        { name: 'docs', description: 'This description. Open to all.' },
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: `Authorization: Bearer KEY. ${keys}` },
          apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: `X-API-Key: KEY. ${keys}` },
        },
      },
    },
    transformObject,
    // 3.1 knows const.
    convertConstToEnum: false,
    // The schemas' own names, instead of def-0, def-1, …
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, i) =>
        typeof json['$id'] === 'string' ? json['$id'] : `def-${i}`,
    },
  });
}

const conventions = `Ids are the sender's own, or made here. Times are RFC 3339 with an offset, to the microsecond. Numbers and text come back as they were sent. Null means absent, and a field that is not known is refused.

Whatever is not a success is a \`Problem\` (\`application/problem+json\`, RFC 9457), whose \`type\` ends with a stable code. A path that no route has is 404 \`not_found\`; a method that a path does not have is 405 \`method_not_allowed\`, and its \`Allow\` header lists those that it has; \`OPTIONS\` of a path is 204 with the same header, for everybody. A 503 tells in \`Retry-After\` when to try again.

Answers above 1 KiB are gzipped when \`Accept-Encoding\` asks for it; answers to posted events are not.`;

const keys =
  'An admin key opens everything, ingest and read keys their own operations; none is needed as long as the service has none configured.';

const transformObject: TransformObject = (document) => {
  if (!('openapiObject' in document)) return document.swaggerObject;
  const { openapiObject } = document;
  // Without what is of TypeScript only, and sharing nothing with the schemas of the routes; the plugin makes this shape.
  const own = JSON.parse(JSON.stringify(openapiObject)) as ApiDocument;
  return Object.assign(openapiObject, finish(own));
};

/** For the schemas of routes that need a key when keys are set. */
export function needs(scope: Scope): Record<string, string[]>[] {
  return [{ bearer: [scope] }, { apiKey: [scope] }];
}

/** For the schemas of routes that everybody may ask. */
export const OPEN: Record<string, string[]>[] = [];
