import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { AttemptFailedSchema, AttemptStartedSchema, RaceFinishedSchema } from "@gradients/contracts/event";
import { AttemptService } from "@gradients/contracts/trainer";
import { createRpcClient } from "@gradients/rpc";
import { withExtractedTrace } from "@gradients/runtime";
import { context, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { TracerProvider } from "@opentelemetry/sdk-trace";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createWorld, type World } from "./test/world.ts";

let world: World;

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [] }));
  world = await createWorld();
});

afterAll(() => world[Symbol.asyncDispose]());

test("one job is one trace: from its order over the pod to its end, also where nobody calls", async () => {
  const agent = join(world.fleetDir, "../given.mjs");
  await writeFile(
    agent,
    `import { writeFileSync } from "node:fs"; writeFileSync("given.json", JSON.stringify(process.env)); setInterval(() => {}, 1e3);`,
  );
  const { addresses } = await world.startScheduler({ SCHEDULER_FLEET_AGENT: agent });
  const order = trace.getTracer("test").startSpan("order");
  const { traceId } = order.spanContext();
  const deadline = timestampFromDate(new Date(Date.now() + 4_000));
  await context.with(trace.setSpan(context.active(), order), () =>
    world.openJob({ contestants: 1, deadline }),
  );
  const given = await vi.waitFor(
    async () => {
      const { attempt_id: attemptId } = await world.db.q
        .selectFrom("attempt")
        .select("attempt_id")
        .executeTakeFirstOrThrow();
      return JSON.parse(
        await readFile(join(world.fleetDir, `attempt-${attemptId}-e0`, "given.json"), "utf8"),
      );
    },
    { timeout: 20_000 },
  );
  expect(given.TRAINER_GPU_TRACEPARENT).toContain(traceId);
  const target = addresses["relay"] ?? "";
  const relay = createRpcClient(AttemptService, {
    target,
    token: given.TRAINER_GPU_ATTEMPT_TOKEN,
    defaultDeadlineMs: 5_000,
  });
  const job = { traceparent: given.TRAINER_GPU_TRACEPARENT };
  await withExtractedTrace(job, () => relay.getAssignment({ epoch: 0 }));
  relay.close();
  await world.waitFor(RaceFinishedSchema, 1, 15_000);
  for (const schema of [AttemptStartedSchema, AttemptFailedSchema, RaceFinishedSchema]) {
    expect(world.tracesOf(schema)).toEqual([expect.stringContaining(traceId)]);
  }
});
