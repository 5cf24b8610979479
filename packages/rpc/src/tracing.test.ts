import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { RpcError } from "./errors.ts";
import { startTestServer } from "./test-server.ts";

const SERVICE = "gradients.rpctest.v1.TestService";
const spans = new InMemorySpanExporter();
const figures = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const meters = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter: figures, exportIntervalMillis: 3_600_000 })],
});

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: spans })] }),
  );
  metrics.setGlobalMeterProvider(meters);
});
beforeEach(() => spans.reset());
afterAll(() => meters.shutdown());

test("a chain of calls is one trace, from the first client to the last server", async () => {
  await using inner = await startTestServer();
  await using outer = await startTestServer({
    getPoint: (request, ctx) => inner.client.getPoint(request, { parent: ctx }),
  });
  await outer.client.getPoint({});
  const [innerServer, innerClient, outerServer, outerClient] = spans.getFinishedSpans();
  expect(outerClient?.kind).toBe(SpanKind.CLIENT);
  expect(outerServer?.kind).toBe(SpanKind.SERVER);
  expect(outerServer?.parentSpanContext?.spanId).toBe(outerClient?.spanContext().spanId);
  expect(innerClient?.parentSpanContext?.spanId).toBe(outerServer?.spanContext().spanId);
  expect(innerServer?.parentSpanContext?.spanId).toBe(innerClient?.spanContext().spanId);
  expect(new Set(spans.getFinishedSpans().map((span) => span.spanContext().traceId)).size).toBe(1);
});

test("a streaming handler runs inside its span, a failed call's span says why", async () => {
  const active: (string | undefined)[] = [];
  await using server = await startTestServer({
    async *count() {
      active.push(trace.getActiveSpan()?.spanContext().spanId);
      yield {};
      active.push(trace.getActiveSpan()?.spanContext().spanId);
      throw new RpcError("NOT_FOUND", "JOB_NOT_FOUND", "no such job");
    },
  });
  await expect(async () => {
    for await (const _ of server.client.count({}));
  }).rejects.toThrow("no such job");
  const span = spans.getFinishedSpans().find(({ kind }) => kind === SpanKind.SERVER);
  expect(active).toEqual([span?.spanContext().spanId, span?.spanContext().spanId]);
  expect(span).toMatchObject({
    name: "gradients.rpctest.v1.TestService/Count",
    attributes: { "rpc.system.name": "grpc", "rpc.status_code": "NOT_FOUND", "error.type": "JOB_NOT_FOUND" },
    status: { code: SpanStatusCode.ERROR },
  });
});

test("every call is counted and timed by method and status, on both sides", async () => {
  await using server = await startTestServer({
    begin: async () => {
      throw new RpcError("ABORTED", "STALE", "read again");
    },
  });
  await server.client.getPoint({});
  await expect(server.client.begin({ purpose: 1, fileName: "a", sha256: "a".repeat(64) })).rejects.toThrow();
  await meters.forceFlush();
  const points = figures
    .getMetrics()
    .flatMap(({ scopeMetrics }) => scopeMetrics)
    .flatMap(({ metrics: all }) => all)
    .flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(
        ({ attributes }) => `${descriptor.name} ${attributes["rpc.method"]} ${attributes["rpc.status_code"]}`,
      ),
    );
  expect(points).toEqual(
    expect.arrayContaining([
      `rpc.server.call.duration ${SERVICE}/GetPoint OK`,
      `rpc.client.call.duration ${SERVICE}/GetPoint OK`,
      `rpc.server.call.duration ${SERVICE}/Begin ABORTED`,
      `rpc.client.call.duration ${SERVICE}/Begin ABORTED`,
    ]),
  );
});
