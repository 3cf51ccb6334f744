import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { problemResponses } from '../schemas/problem.js';

export function docsRoutes(scope: FastifyInstance): void {
  scope.get(
    '/openapi.json',
    {
      schema: {
        tags: ['docs'],
        summary: 'This API as an OpenAPI 3.1 document',
        response: {
          200: Type.Unsafe({ type: 'object', additionalProperties: true, description: 'OpenAPI 3.1.' }),
          ...problemResponses('The request is not valid.', 'The service is broken.'),
        },
      },
    },
    () => scope.swagger(),
  );
}
