import type { DescMethod } from "@bufbuild/protobuf";
import { requestSeconds } from "@gradients/runtime";
import type { Metadata } from "@grpc/grpc-js";
import {
  type Context,
  context,
  type Histogram,
  metrics,
  propagation,
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
  const duration = metrics.getMeter(SCOPE).createHistogram("rpc.server.call.duration", {
    unit: "s",
    description: "Duration of the RPCs that this service answers, by method and status.",
    advice: { explicitBucketBoundaries: requestSeconds },
  });
  return (method, metadata) => {
    const parent = propagation.extract(context.active(), metadata, getter);
    return observation(method, SpanKind.SERVER, parent, duration);
  };
}

/** Client side: the span's context travels in the metadata. */
export function observeClient(): Observe {
  const duration = metrics.getMeter(SCOPE).createHistogram("rpc.client.call.duration", {
    unit: "s",
    description: "Duration of the RPCs that this service makes, by method and status.",
    advice: { explicitBucketBoundaries: requestSeconds },
  });
  return (method, metadata) => {
    const observed = observation(method, SpanKind.CLIENT, context.active(), duration);
    observed.run(() => propagation.inject(context.active(), metadata, setter));
    return observed;
  };
}

function observation(method: DescMethod, kind: SpanKind, parent: Context, duration: Histogram): Observation {
  const name = `${method.parent.typeName}/${method.name}`;
  const attributes = { "rpc.system.name": "grpc", "rpc.method": name };
  const span = trace.getTracer(SCOPE).startSpan(name, { kind, attributes }, parent);
  const active = trace.setSpan(parent, span);
  const startedAt = performance.now();
  return {
    run: (work) => context.with(active, work),
    end: (error) => {
      const outcome = {
        "rpc.status_code": error?.code ?? "OK",
        ...(error && { "error.type": error.reason }),
      };
      duration.record((performance.now() - startedAt) / 1000, { ...attributes, ...outcome });
      span.setAttributes(outcome);
      if (error) span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      span.end();
    },
  };
}

const getter: TextMapGetter<Metadata> = {
  keys: (metadata) => Object.keys(metadata.getMap()),
  get: (metadata, key) => metadata.get(key).map(String),
};

const setter: TextMapSetter<Metadata> = {
  set: (metadata, key, value) => metadata.set(key, value),
};
