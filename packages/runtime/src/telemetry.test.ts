import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";

const program = new URL("./testing/telemetry-program.ts", import.meta.url);
const telemetry = new URL("./telemetry.ts", import.meta.url);
const received: Received[] = [];
const collector = createServer((request, response) => {
  void readExport(request).then(() => response.setHeader("content-type", "application/json").end("{}"));
});

beforeAll(() => once(collector.listen(0, "127.0.0.1"), "listening"));
afterAll(() => void collector.close());

test("exports traces, metrics and logs of one process, with the trace id in the log line", async () => {
  const { port } = collector.address() as AddressInfo;
  const lines = await runProgram({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_SERVICE_NAME: "scorer",
  });

  const spans = sent("/v1/traces").flatMap((body) => findAll(body, "spans")) as Span[];
  const parent = spans.find((span) => span.name === "publish");
  const child = spans.find((span) => span.name === "consume");
  expect(parent).toBeDefined();
  expect(child?.traceId).toBe(parent?.traceId);
  expect(child?.parentSpanId).toBe(parent?.spanId);
  expect(JSON.stringify(sent("/v1/traces"))).toContain('"stringValue":"scorer"');

  expect(JSON.stringify(sent("/v1/metrics"))).toContain("events.seen");
  const [record] = sent("/v1/logs").flatMap((body) => findAll(body, "logRecords")) as LogRecord[];
  expect(record?.body.stringValue).toBe("event seen");
  expect(record?.traceId).toBe(parent?.traceId);
  expect(JSON.stringify(record)).toContain("[redacted]");
  expect(JSON.stringify(record)).not.toContain("hunter2");

  const [line] = lines as { readonly trace_id?: string }[];
  expect(line?.trace_id).toBe(parent?.traceId);
});

test("loads nothing and sends nothing without OTEL_ variables", async () => {
  const before = received.length;
  const [line] = (await runProgram({})) as Record<string, unknown>[];
  expect(line).toMatchObject({ msg: "event seen", recording: false, traceparent: "none" });
  expect(line).not.toHaveProperty("trace_id");
  expect(received.length).toBe(before);
});

async function runProgram(env: Record<string, string>): Promise<unknown[]> {
  const child = spawn(process.execPath, ["--import", telemetry.href, program.pathname], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const output = await text(child.stdout);
  return output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
}

async function readExport(request: IncomingMessage): Promise<void> {
  received.push({ path: request.url ?? "", body: JSON.parse(await text(request)) as unknown });
}

function sent(path: string): unknown[] {
  return received.filter((item) => item.path === path).map((item) => item.body);
}

/** Every item of every list called `key`, at any depth. */
function findAll(value: unknown, key: string): unknown[] {
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, child]: [string, unknown]) =>
    name === key && Array.isArray(child) ? (child as unknown[]) : findAll(child, key),
  );
}

interface Received {
  readonly path: string;
  readonly body: unknown;
}

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

interface LogRecord {
  readonly body: { readonly stringValue: string };
  readonly traceId: string;
}
