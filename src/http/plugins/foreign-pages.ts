/** Keeps pages of other origins from acting here and, by DNS rebinding, from reading. */
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../errors.js';

/** In every answer: nobody embeds or frames it, and no browser takes it for another type than it says. */
export const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "frame-ancestors 'none'",
};

export interface ForeignPagesOptions {
  /** Whoever has to send a key is known by it, under whatever name he asks. */
  readonly hasKeys: boolean;
  /** In lower case, without ports. */
  readonly allowedHosts: readonly string[];
}

/** For the root, so that it counts wherever a request leads to, and before anything else looks at the request. */
export function refuseForeignPages(
  app: FastifyInstance,
  { hasKeys, allowedHosts }: ForeignPagesOptions,
): void {
  const allowed = new Set(allowedHosts);
  app.addHook('onRequest', ({ headers, method, originalUrl }, reply, done) => {
    reply.headers(SECURITY_HEADERS);
    if (!hasKeys) {
      refuseForeignHost(headers.host, allowed);
      // In an absolute target stands the host that counts. Browsers send none.
      if (!originalUrl.startsWith('/')) refuseForeignHost(authorityOf(originalUrl), allowed);
      if (allowed.size === 0) refuseForwarded(headers);
    }
    if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') refuseForeignOrigin(headers);
    done();
  });
}

/** A page whose name was rebound to our address has that name for a host, and would be of our origin. */
function refuseForeignHost(host: string | undefined, allowed: ReadonlySet<string>): void {
  if (host === undefined) return;
  const name = WITHOUT_PORT.exec(host)?.[1] ?? '';
  if (LOOPBACK.test(name) || allowed.has(name.toLowerCase())) return;
  throw new Problem('foreign_host', { detail: foreignHost(host.slice(0, 100)) });
}

const WITHOUT_PORT = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/;
/** Numbers as browsers write them: whatever else means 127.0.0.1 never comes from a page. */
const LOOPBACK = /^(?:(?:[a-z0-9_-]+\.)*localhost|127(?:\.(?:25[0-5]|2[0-4]\d|1?\d?\d)){3}|\[::1\])$/i;

export function foreignHost(host: string): string {
  return `The host "${host}" is not allowed. Without keys only those of loopback are, such as localhost and 127.0.0.1: set keys, or name the host in ALLOWED_HOSTS.`;
}

function authorityOf(target: string): string | undefined {
  return /^[a-z]+:\/\/([^/?#]*)/i.exec(target)?.[1];
}

/** Loopback is no protection when something in front of it lets others in. */
function refuseForwarded(headers: IncomingHttpHeaders): void {
  for (const name in headers) {
    if (name === 'forwarded' || name.startsWith('x-forwarded-'))
      throw new Problem('forwarded_without_keys', { detail: forwardedWithoutKeys(name.slice(0, 100)) });
  }
}

export function forwardedWithoutKeys(header: string): string {
  return `The request came through a proxy, as its ${header} header says, and without keys everybody behind that would be answered: set keys, or, where the proxy does the sign-in, name its hosts in ALLOWED_HOSTS.`;
}

type OriginHeaders = Pick<IncomingHttpHeaders, 'host' | 'origin' | 'sec-fetch-site'>;

/** Browsers send simple requests of any page without asking first, and say where they come from. */
function refuseForeignOrigin({ host = '', origin, 'sec-fetch-site': site }: OriginHeaders): void {
  // Without it: an older browser, or one over a connection that it does not trust, or no browser.
  const isOwn =
    site === undefined
      ? origin === undefined || hostOf(origin) === host.toLowerCase()
      : site === 'same-origin' || site === 'none';
  if (!isOwn) throw new Problem('foreign_page', { detail: FOREIGN_PAGE });
}

export const FOREIGN_PAGE =
  'A page of another origin asked for this, and only pages of this service may change anything. If it is one of them, the proxy before the service has to pass the Host header on as it came.';

function hostOf(origin: string): string | undefined {
  return /^https?:\/\/(.+)$/.exec(origin.toLowerCase())?.[1];
}
