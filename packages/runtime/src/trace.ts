import {
  type Attributes,
  type Context,
  context,
  type Link,
  type Meter,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from "@opentelemetry/api";

export type { Span };

export function tracer(name: string): Tracer {
  return trace.getTracer(name);
}

export interface SpanSettings {
  /** Name of the package that makes the span. */
  readonly scope: string;
  readonly name: string;
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  readonly links?: Link[];
}

/** Runs `fn` inside a new span of the active trace; a thrown error is noted in the span. */
export function inSpan<T>(
  { scope, name, kind = SpanKind.INTERNAL, attributes = {}, links = [] }: SpanSettings,
  fn: (span: Span) => Promise<T>,
): Promise<T> {
  return tracer(scope).startActiveSpan(name, { kind, attributes, links }, async (span) => {
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

/** Adds to the active span what became known after it began. */
export function annotateSpan(attributes: Attributes): void {
  trace.getActiveSpan()?.setAttributes(attributes);
}

/** Whether there is a trace to go on. What a loop does by itself belongs to none, and a trace for each of its passes would help nobody. */
export function isTraced(): boolean {
  return trace.getActiveSpan() !== undefined;
}

/** Runs `fn` in the same trace without any span of it being recorded, here or in a service that it calls: for what repeats for hours. */
export function withoutSpans<T>(fn: () => T): T {
  const active = trace.getActiveSpan();
  if (!active) return fn();
  const silent = trace.wrapSpanContext({ ...active.spanContext(), traceFlags: TraceFlags.NONE });
  return context.with(trace.setSpan(context.active(), silent), fn);
}

/** A link to the span that a stored `traceparent` names. */
export function linkTo(traceparent: string): Link[] {
  const span = trace.getSpanContext(extractTrace({ traceparent }));
  return span ? [{ context: span }] : [];
}

/** Bounds of histograms, in seconds: answers, with the bound of our promise (300 ms) among them; and work that takes from a moment to hours. */
export const requestSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10];
export const workSeconds = [0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 14_400, 43_200, 86_400];

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

/** Runs `fn` as a continuation of a stored trace, or just runs it. */
export function inTraceOf<T>(traceparent: string | null | undefined, fn: () => T): T {
  return traceparent ? withExtractedTrace({ traceparent }, fn) : fn();
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
