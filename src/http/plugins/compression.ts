import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { acceptsGzip } from '../accept-encoding.js';
import { COMPRESS_ABOVE_BYTES, GZIP_LEVEL, MAX_COMPRESSIONS } from '../limits.js';

const gzip = promisify(gzipWithCallback);

/**
 * Gzips the answers of the scopes it is given, for clients that ask for it, off the event loop. Streams stay as they are:
 * they are files, and their routes see to it. The threads that compress also write the spool: beyond a few at a time,
 * answers go out uncompressed.
 */
export function answerCompression(): (scope: FastifyInstance) => void {
  let underWay = 0;
  return (scope) => {
    scope.addHook('onSend', async (request, reply, payload) => {
      if (!isCompressible(payload, reply)) return payload;
      if (!reply.hasHeader('vary')) void reply.header('vary', 'Accept-Encoding');
      if (underWay >= MAX_COMPRESSIONS || !acceptsGzip(request.headers['accept-encoding'])) return payload;
      underWay += 1;
      try {
        const compressed = await gzip(payload, { level: GZIP_LEVEL });
        void reply.header('content-encoding', 'gzip');
        return compressed;
      } finally {
        underWay -= 1;
      }
    });
  };
}

function isCompressible(payload: unknown, reply: FastifyReply): payload is string | Buffer {
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return false;
  if (Buffer.byteLength(payload) <= COMPRESS_ABOVE_BYTES || reply.hasHeader('content-encoding')) return false;
  return /^text\/|json|yaml|javascript|xml/.test(String(reply.getHeader('content-type')));
}
