import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { headers } from '../document/headers.js';
import { etagOf, isKnown } from '../etag.js';
import { OPEN } from '../plugins/openapi.js';

/** Hands out the senders, to anybody: they hold no secret, and whoever needs one has no key yet. */
export function clientsRoutes(scope: FastifyInstance, pythonSender: string): void {
  const etag = etagOf(pythonSender);
  scope.get(
    '/clients/call_logger.py',
    {
      schema: {
        tags: ['docs'],
        security: OPEN,
        operationId: 'getPythonSender',
        summary: 'The sender for bots in Python',
        description:
          'One file for Python 3.9 and newer without dependencies, of the version of this service. With If-None-Match it comes only when it has changed.',
        response: {
          200: {
            description: 'Put it beside the bot.',
            ...headers('ETag', 'Cache-Control'),
            content: { 'text/x-python': { schema: Type.String({ examples: ['"""Sends calls …"""'] }) } },
          },
          304: {
            description: 'It is the one you have.',
            type: 'null',
            ...headers('ETag', 'Cache-Control'),
          },
        },
      },
    },
    (request, reply) => {
      // It changes with the service: caches may keep it, and have to ask each time.
      void reply.header('etag', etag).header('cache-control', 'no-cache');
      if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send();
      return reply.type('text/x-python; charset=utf-8').send(pythonSender);
    },
  );
}
