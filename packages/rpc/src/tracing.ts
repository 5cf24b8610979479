import type { DescMethod } from "@bufbuild/protobuf";
import { type Metadata, status } from "@grpc/grpc-js";
import {
  type Context,
  context,
  type Histogram,
  metrics,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  trace,
} from "@opentelemetry/api";
import type { RpcError } from "./errors.ts";

const SCOPE = "@gradients/rpc";

/** Spans and RED figures of one side. Without an OpenTelemetry SDK both are no-ops. */
export interface Observation {
  /** Runs `work` inside the span's context. */
  run<T>(work: () => T): T;
  end(error?: RpcError): void;
}

export type Observe = (method: DescMethod, metadata: Metadata) => Observation;

/** Server side: the span continues the caller's trace. */
export function observeServer(): Observe {
  const duration = histogram("rpc.server.call.duration");
  return (method, metadata) => {
    const parent = propagation.extract(context.active(), metadata, getter);
    return observation(method, SpanKind.SERVER, parent, duration);
  };
}

/** Client side: the span's context travels in the metadata. */
export function observeClient(): Observe {
  const duration = histogram("rpc.client.call.duration");
  return (method, metadata) => {
    const observed = observation(method, SpanKind.CLIENT, context.active(), duration);
    observed.run(() => propagation.inject(context.active(), metadata, setter));
    return observed;
  };
}

function histogram(name: string): Histogram {
  return metrics
    .getMeter(SCOPE)
    .createHistogram(name, { unit: "s", description: "Duration of RPCs by method and status." });
}

function observation(method: DescMethod, kind: SpanKind, parent: Context, duration: Histogram): Observation {
  const attributes = {
    "rpc.system": "grpc",
    "rpc.service": method.parent.typeName,
    "rpc.method": method.name,
  };
  const span = trace
    .getTracer(SCOPE)
    .startSpan(`${method.parent.typeName}/${method.name}`, { kind, attributes }, parent);
  const active = trace.setSpan(parent, span);
  const startedAt = performance.now();
  return {
    run: (work) => context.with(active, work),
    end: (error) => {
      const code = error ? status[error.code] : status.OK;
      duration.record((performance.now() - startedAt) / 1000, {
        ...attributes,
        "rpc.grpc.status_code": code,
      });
      endSpan(span, code, error);
    },
  };
}

function endSpan(span: Span, code: status, error: RpcError | undefined): void {
  span.setAttribute("rpc.grpc.status_code", code);
  if (error) {
    span.setAttribute("error.type", error.reason);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
  }
  span.end();
}

const getter: TextMapGetter<Metadata> = {
  keys: (metadata) => Object.keys(metadata.getMap()),
  get: (metadata, key) => metadata.get(key).map(String),
};

const setter: TextMapSetter<Metadata> = {
  set: (metadata, key, value) => metadata.set(key, value),
};
