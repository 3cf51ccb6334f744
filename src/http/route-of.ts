import type { FastifyRequest } from 'fastify';

/** The pattern of the route, for logs and metrics, where nothing that a client makes up belongs; null when none matched. */
export function routeOf({ is404, routeOptions }: FastifyRequest): string | null {
  return is404 ? null : (routeOptions.url ?? null);
}
