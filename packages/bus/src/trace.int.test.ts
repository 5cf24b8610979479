import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { createTestDatabase, testNats } from "@gradients/testkit";
import { expect, test } from "vitest";
import { template } from "./testing/bus-world.ts";

const program = new URL("./testing/trace-program.ts", import.meta.url).pathname;

test("an event is handled in the trace in which it was appended", async () => {
  await using database = await createTestDatabase(template);
  await using nats = await testNats();
  const telemetry = import.meta.resolve("@gradients/runtime/telemetry");
  const args = ["--import", telemetry, program, database.urlAs("bus_test_role", "p"), nats.url];
  // The collector is away, which hinders nothing.
  const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:1/v1/traces" };
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  const { appended, handled } = JSON.parse(await text(child.stdout)) as Record<
    "appended" | "handled",
    string
  >;
  const [, traceId, spanId] = appended.split("-");
  expect(traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(handled.split("-")[1]).toBe(traceId);
  expect(handled.split("-")[2]).not.toBe(spanId);
});
