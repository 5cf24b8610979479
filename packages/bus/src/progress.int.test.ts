import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Nats, startNats } from "@gradients/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Bus, connectBus } from "./connect-bus.ts";
import { publishProgress } from "./progress.ts";
import { createProgressConsumer, type ProgressItem } from "./progress-consumer.ts";
import { ensureStreams } from "./streams.ts";
import { logger } from "./testing/bus-world.ts";
import { eventually } from "./testing/eventually.ts";

let dataDir: string;
let nats: Nats;
let bus: Bus;
const stopping = new Set<() => Promise<void>>();

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "gradients-nats-"));
  nats = await startNats({ dataDir });
  bus = await connectBus({ servers: [nats.url], name: "test" }, logger);
  await ensureStreams(bus);
});

afterEach(async () => {
  await Promise.all([...stopping].map((stop) => stop()));
  stopping.clear();
  await bus.close();
  await nats.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test("figures of all attempts arrive in order, in batches, with their place in the stream", async () => {
  const batches: (readonly ProgressItem[])[] = [];
  for (let step = 1; step <= 600; step++) publish("attempt-a", step);
  consume("gateway", async (batch) => void batches.push(batch));
  await eventually(() => batches.flat().length).toBe(600);
  const items = batches.flat();
  expect(items.map(stepOf)).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
  expect(items.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 600 }, (_, i) => i + 1));
  expect(items[0]?.progress).toMatchObject({ jobId: "job", attemptId: "attempt-a" });
  expect(Math.max(...batches.map((batch) => batch.length))).toBeLessThanOrEqual(256);
  expect(batches.length).toBeLessThan(200);
});

test("a batch that could not be stored is offered again before anything else", async () => {
  const stored: number[] = [];
  let tries = 0;
  consume("gateway", async (batch) => {
    if (++tries <= 2) throw new Error("database away");
    stored.push(...batch.map(stepOf));
  });
  for (let step = 1; step <= 10; step++) publish("attempt-a", step);
  await eventually(() => stored).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("a consumer that starts later, or again, continues where it was", async () => {
  const first: number[] = [];
  const stop = consume("gateway", async (batch) => void first.push(...batch.map(stepOf)));
  publish("attempt-a", 1);
  await eventually(() => first).toEqual([1]);
  await stop();
  publish("attempt-a", 2);
  publish("attempt-b", 3);
  const second: number[] = [];
  consume("gateway", async (batch) => void second.push(...batch.map(stepOf)));
  await eventually(() => second).toEqual([2, 3]);
});

test("goes on after NATS was away, with what was published in the meantime", async () => {
  const stored: number[] = [];
  consume("gateway", async (batch) => void stored.push(...batch.map(stepOf)));
  publish("attempt-a", 1);
  await eventually(() => stored).toEqual([1]);
  const { port } = nats;
  await nats.stop();
  publish("attempt-a", 2);
  nats = await startNats({ dataDir, port });
  publish("attempt-a", 3);
  await eventually(() => stored).toEqual([1, 2, 3]);
});

test("unreadable progress is dropped, and progress without a job is refused", async () => {
  const stored: number[] = [];
  consume("gateway", async (batch) => void stored.push(...batch.map(stepOf)));
  bus.connection.publish("progress.job.attempt-a", Uint8Array.of(0xff));
  publish("attempt-a", 1);
  await eventually(() => stored).toEqual([1]);
  expect(() => publishProgress(bus, { attemptId: "a" })).toThrow("names its job");
});

function publish(attemptId: string, step: number): void {
  publishProgress(bus, { jobId: "job", attemptId, epoch: step });
}

function stepOf({ progress }: ProgressItem): number {
  return progress.epoch;
}

function consume(
  durable: string,
  onBatch: (batch: readonly ProgressItem[]) => Promise<void>,
): () => Promise<void> {
  const controller = new AbortController();
  const running = createProgressConsumer({ bus, durable, logger, onBatch }).run?.(controller.signal);
  const stop = async () => {
    controller.abort();
    await running;
  };
  stopping.add(stop);
  return stop;
}
