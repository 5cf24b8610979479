import {
  type Attributes,
  type Context,
  context,
  type Meter,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";

export function tracer(name: string): Tracer {
  return trace.getTracer(name);
}

export interface SpanSettings {
  /** Name of the package that makes the span. */
  readonly scope: string;
  readonly name: string;
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
}

/** Runs `fn` inside a new span of the active trace; a thrown error is noted in the span. */
export function inSpan<T>(
  { scope, name, kind = SpanKind.INTERNAL, attributes = {} }: SpanSettings,
  fn: (span: Span) => Promise<T>,
): Promise<T> {
  return tracer(scope).startActiveSpan(name, { kind, attributes }, async (span) => {
    try {
      return await fn(span);
    } catch (error) {
      span.recordException(error instanceof Error ? error : String(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
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
