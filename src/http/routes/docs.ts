import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { toYaml } from '../../lib/yaml.js';
import { OPEN } from '../plugins/openapi.js';

const common = { tags: ['docs'], security: OPEN };

export function docsRoutes(scope: FastifyInstance): void {
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
    () => scope.swagger(),
  );

  let yaml: string | undefined;
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
      yaml ??= toYaml(scope.swagger());
      return reply.type('application/yaml').send(yaml);
    },
  );
}
