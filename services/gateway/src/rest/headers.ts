import type { FastifyReply, FastifyRequest } from "fastify";

/** The page loads its own files only; nobody may frame it or guess content types. */
export const securityHeaders = {
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
} as const;

const ALLOWED = "authorization, content-type, idempotency-key, last-event-id, x-request-id";

/** Lets pages of the named origins call the API; no cookie is ever read, so credentials stay off. */
export function addCors(origins: readonly string[], request: FastifyRequest, reply: FastifyReply): void {
  const { origin } = request.headers;
  if (origin === undefined || !origins.includes(origin)) return;
  reply.headers({
    "access-control-allow-origin": origin,
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": ALLOWED,
    "access-control-expose-headers": "x-request-id",
    vary: "origin",
  });
}
