import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptsGzip } from '../../accept-encoding.js';
import type { ExportSource, StatusSource } from '../../deps.js';
import { whenClientLeaves } from '../../leaving.js';
import { SECURITY_HEADERS } from '../../plugins/foreign-pages.js';
import { type ExportManifest, type ExportQuery, FORMATS } from '../../schemas/exports.js';
import { CHECKSUM_TRAILER, deliver, type Delivery } from './deliver.js';
import { exportSchema } from './export-schema.js';
import type { Manifests } from './manifests.js';
import { finished, newManifest, oldestSpooledAt } from './new-manifest.js';
import { exportQuestion } from './question.js';

interface ExportDeps {
  readonly exports: ExportSource;
  readonly status: StatusSource;
  readonly manifests: Manifests;
  readonly stallMs: number;
}

export function exportRoutes(scope: FastifyInstance, deps: ExportDeps): void {
  const { exports, status, manifests, stallMs } = deps;
  for (const subject of ['calls', 'clicks'] as const) {
    scope.get<{ Querystring: ExportQuery }>(
      `/v1/exports/${subject}`,
      // Without HEAD, which would run the whole query for its headers.
      { schema: exportSchema(subject), exposeHeadRoute: false },
      async (request, reply) => {
        const question = exportQuestion(subject, request.query);
        // Before the export's own moment: what is stored in between is in the export, and never the other way round.
        const spooledAt = await oldestSpooledAt(status);
        const opened = await exports.openExport(question, whenClientLeaves(reply.raw));
        const manifest = newManifest(question, opened, spooledAt);
        manifests.keep(manifest);

        const gzip = FORMATS[manifest.format].compressible && acceptsGzip(request.headers['accept-encoding']);
        sendHead(request, reply, manifest, gzip);
        const delivery = await deliver(opened.body, reply.raw, { gzip, stallMs });
        manifests.keep(finished(manifest, delivery));
        logDelivery(request, manifest, delivery);
      },
    );
  }
}

/** From here on Fastify leaves the response to us: with the head gone, an error can no longer become a problem. */
function sendHead(
  request: FastifyRequest,
  reply: FastifyReply,
  manifest: ExportManifest,
  gzip: boolean,
): void {
  const { id, format, file_name, rows } = manifest;
  const { contentType, compressible } = FORMATS[format];
  const headers: OutgoingHttpHeaders = {
    ...SECURITY_HEADERS,
    'x-request-id': request.id,
    'content-type': contentType,
    'content-disposition': `attachment; filename="${file_name}"`,
    'cache-control': 'no-store',
    'x-export-id': id,
    'x-export-rows': rows,
    link: `</v1/exports/manifests/${id}>; rel="describedby"`,
  };
  if (compressible) headers['vary'] = 'Accept-Encoding';
  if (gzip) headers['content-encoding'] = 'gzip';
  // Trailers need chunks, which came with HTTP/1.1.
  if (request.raw.httpVersion !== '1.0') headers['trailer'] = CHECKSUM_TRAILER;
  reply.hijack();
  reply.raw.writeHead(200, headers).flushHeaders();
}

function logDelivery(request: FastifyRequest, manifest: ExportManifest, delivery: Delivery): void {
  const { id, subject, format, rows } = manifest;
  const facts = { request_id: request.id, export_id: id, subject, format, rows };
  if (delivery.whole) request.log.info({ ...facts, bytes: delivery.bytes }, 'export complete');
  else if (delivery.reason === 'source_failed')
    request.log.error({ ...facts, err: delivery.cause }, 'export failed');
  else request.log.info({ ...facts, reason: delivery.reason }, 'export cut off');
}
