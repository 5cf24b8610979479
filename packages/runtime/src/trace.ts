import {
  type Context,
  context,
  type Meter,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Tracer,
  trace,
} from "@opentelemetry/api";

export function tracer(name: string): Tracer {
  return trace.getTracer(name);
}

export function meter(name: string): Meter {
  return metrics.getMeter(name);
}

/** Adds `traceparent` (and `tracestate`) of the active span; adds nothing when telemetry is off. */
export function injectTrace(headers: Record<string, string>): void {
  propagation.inject(context.active(), headers);
}

/** Runs `fn` as a continuation of the trace that the headers carry. */
export function withExtractedTrace<T>(headers: Readonly<Record<string, string>>, fn: () => T): T {
  return context.with(extractTrace(headers), fn);
}

/** W3C `traceparent` of the active span; undefined when there is none or telemetry is off. */
export function currentTraceparent(): string | undefined {
  const headers: Record<string, string> = {};
  injectTrace(headers);
  return headers["traceparent"];
}

function extractTrace(headers: Readonly<Record<string, string>>): Context {
  return propagation.extract(ROOT_CONTEXT, headers);
}
