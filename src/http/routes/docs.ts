import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { toYaml } from '../../lib/yaml.js';
import { OPEN } from '../plugins/openapi.js';

const common = { tags: ['docs'], security: OPEN };

export function docsRoutes(scope: FastifyInstance): void {
  // Made once: everybody may ask, and to put together a third of a MiB anew for each holds up all others.
  let json: Buffer | undefined;
  let yaml: Buffer | undefined;

  scope.get(
    '/openapi.json',
    {
      schema: {
        ...common,
        operationId: 'getOpenApiJson',
        summary: 'This API as an OpenAPI 3.1 document',
        response: {
          200: {
            description: 'For generators of clients and of documentation.',
            content: {
              'application/json': {
                schema: Type.Unsafe({
                  type: 'object',
                  additionalProperties: true,
                  examples: [{ openapi: '3.1.0', info: { title: 'call-logger' } }],
                }),
              },
            },
          },
        },
      },
    },
    (_request, reply) => {
      json ??= Buffer.from(JSON.stringify(scope.swagger()));
      return reply.type('application/json; charset=utf-8').send(json);
    },
  );

  scope.get(
    '/openapi.yaml',
    {
      schema: {
        ...common,
        operationId: 'getOpenApiYaml',
        summary: 'The same as YAML',
        response: {
          200: {
            description: 'For people.',
            content: {
              'application/yaml': {
                schema: Type.Unsafe({ type: 'string', examples: ['openapi: 3.1.0\n'] }),
              },
            },
          },
        },
      },
    },
    (_request, reply) => {
      yaml ??= Buffer.from(toYaml(scope.swagger()));
      return reply.type('application/yaml').send(yaml);
    },
  );
}
