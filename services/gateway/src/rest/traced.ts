import { inSpan, withExtractedTrace } from "@gradients/runtime";
import { SpanKind } from "@opentelemetry/api";
import type { FastifyRequest } from "fastify";

/** Runs `work` in a span that goes on the caller's trace, so that a job ordered over REST is one trace as well. */
export function traced<T>(
  { method, headers }: FastifyRequest,
  route: string,
  work: () => Promise<T>,
): Promise<T> {
  const carried = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === "string" ? [[name, value] as const] : [],
  );
  const attributes = { "http.request.method": method, "http.route": route };
  const span = { scope: "@gradients/gateway", name: `${method} ${route}`, kind: SpanKind.SERVER, attributes };
  return withExtractedTrace(Object.fromEntries(carried), () => inSpan(span, work));
}
