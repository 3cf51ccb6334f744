import type { FastifyInstance } from 'fastify';
import swaggerUi from '@fastify/swagger-ui';
import { Problem } from '../errors.js';
import { favicon, styleSheet } from './look.js';
import { documentForPage } from './page-document.js';

/** Nothing from anywhere else, no script or style but in files of the page, and nobody may frame it. */
const CONTENT_SECURITY_POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': ["'self'", 'data:'],
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};

/** Beside those of every answer. */
const SECURITY_HEADERS = {
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
};

/** `/docs`: the API for people, to be tried out in the browser. Everything it needs comes from here. */
export async function docsPage(scope: FastifyInstance): Promise<void> {
  scope.addHook('onRoute', (route) => {
    // One view of the page asks for half a dozen files.
    route.config = { ...route.config, quiet: true };
  });
  scope.addHook('onSend', (_request, reply, _payload, done) => {
    reply.headers(SECURITY_HEADERS);
    done();
  });
  scope.addHook('onRequest', (request, _reply, done) => {
    // Made anew for everybody who asks, which costs more than anything else that is open to all.
    if (request.routeOptions.url === '/docs/yaml') throw new Problem('not_found');
    done();
  });
  await scope.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: CONTENT_SECURITY_POLICY,
    transformSpecificationClone: false,
    transformSpecification: documentForPage(),
    theme: {
      title: 'call-logger: API',
      css: [{ filename: 'call-logger.css', content: styleSheet }],
      favicon: [
        { filename: 'favicon.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: favicon },
      ],
    },
    uiConfig: {
      layout: 'BaseLayout',
      deepLinking: true,
      docExpansion: 'list',
      defaultModelsExpandDepth: 0,
      displayRequestDuration: true,
      // A key is kept in the memory of the page: never in localStorage, where it would outlive the tab.
      persistAuthorization: false,
    },
  });
}
