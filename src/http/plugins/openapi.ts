import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';

type TransformObject = NonNullable<FastifyDynamicSwaggerOptions['transformObject']>;
type OpenApiDocument = Extract<Parameters<TransformObject>[0], { openapiObject: unknown }>['openapiObject'];

/** Collects the OpenAPI document from the schemas of all routes registered after it. */
export function describeApi(app: FastifyInstance, version: string): void {
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'call-logger',
        version,
        description:
          'Takes calls (betting alerts sent to users), clicks on them and their results. An event is acknowledged with 202 once it is synced to disk, and reaches PostgreSQL exactly once; sending it again changes nothing.',
      },
      tags: [
        { name: 'events', description: 'Sending calls, clicks and results.' },
        { name: 'calls', description: 'Reading calls back.' },
        { name: 'statistics', description: 'What the calls add up to.' },
        { name: 'exports', description: 'Taking training sets away.' },
        { name: 'admin', description: 'Operating the service.' },
        { name: 'health', description: 'For load balancers and supervisors.' },
        { name: 'docs', description: 'This description.' },
      ],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'Authorization: Bearer KEY' },
          apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'X-API-Key: KEY' },
        },
      },
    },
    transformObject: (document) =>
      'openapiObject' in document ? tellEmptyBodies(document.openapiObject) : document.swaggerObject,
    // The schemas' own names, instead of def-0, def-1, …
    refResolver: {
      buildLocalReference: (json, _baseUri, _fragment, i) =>
        typeof json['$id'] === 'string' ? json['$id'] : `def-${i}`,
    },
  });
}

/** For the schemas of routes that need a key when keys are set. */
export const security = [{ bearer: [] }, { apiKey: [] }];

const MARK = 'x-body-may-be-empty';
/** For the schemas of routes with a body that nobody has to send: by itself the document says that it is required. */
export const bodyMayBeEmpty = { [MARK]: true };

function tellEmptyBodies(document: OpenApiDocument): OpenApiDocument {
  for (const path of Object.values(document.paths ?? {})) {
    const { post } = path ?? {};
    if (post?.requestBody === undefined || !(MARK in post)) continue;
    Object.assign(post.requestBody, { required: false });
    Reflect.deleteProperty(post, MARK);
  }
  return document;
}
