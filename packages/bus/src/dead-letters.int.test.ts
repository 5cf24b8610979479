import { JobCancelledSchema } from "@gradients/contracts/event";
import { newId } from "@gradients/kernel";
import { createTestDatabase, testNats } from "@gradients/testkit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listDeadLetters, replayDeadLetter } from "./dead-letters.ts";
import { on, PermanentError } from "./handlers.ts";
import { toMsgHeaders } from "./headers.ts";
import { type OwnWorld, openWorld, recordEffect, type Tables, template } from "./testing/bus-world.ts";
import { eventually } from "./testing/eventually.ts";

let world: OwnWorld;

beforeEach(async () => {
  world = await openWorld({ database: createTestDatabase(template), nats: testNats() });
});

afterEach(() => world[Symbol.asyncDispose]());

test("a poison event is put aside while the rest flows, and replayed once its cause is mended, for the consumer that failed only", async () => {
  const broken = { value: true };
  const picky = on<typeof JobCancelledSchema, Tables>(
    JobCancelledSchema,
    async ({ jobId }, { tx, eventId }) => {
      await tx
        .insertInto("effect")
        .values({ consumer: "scorer", event_id: eventId, job_id: jobId })
        .execute();
      if (broken.value && jobId === "poison")
        throw new Error("cannot divide by zero", { cause: new Error("no rows") });
    },
  );
  world.run(world.relay());
  world.run(world.consumer("scorer", [picky], 2));
  world.run(world.consumer("gateway"));
  await world.append("before", "poison", "after");
  await eventually(() => sortedEffects("scorer")).toEqual(["after", "before"]);
  await eventually(() => listDeadLetters(world.db)).toHaveLength(1);

  const [letter] = await listDeadLetters(world.db);
  expect(letter).toMatchObject({
    consumer: "scorer",
    type: "gradients.event.v1.JobCancelled",
    subject: "event.job.cancelled",
    deliveries: 2,
    error: "Error: cannot divide by zero\nError: no rows",
    replayedAt: null,
  });
  expect(await settled("scorer")).toBe(true);

  broken.value = false;
  expect(await replayDeadLetter(world.db, world.bus, letter!.id)).toBe(true);
  await eventually(() => sortedEffects("scorer")).toEqual(["after", "before", "poison"]);
  await eventually(() => settled("gateway")).toBe(true);
  expect(await sortedEffects("gateway")).toEqual(["after", "before", "poison"]);
  expect(await listDeadLetters(world.db)).toEqual([]);
});

test("a permanent error and an unreadable payload are put aside at the first delivery", async () => {
  const refusing = on<typeof JobCancelledSchema, Tables>(JobCancelledSchema, () =>
    Promise.reject(new PermanentError("unknown job")),
  );
  world.run(world.relay());
  world.run(world.consumer("scorer", [refusing]));
  await world.append("job-1");
  const headers = toMsgHeaders({
    "ce-type": JobCancelledSchema.typeName,
    "ce-id": newId(),
    "ce-subject": "job-2",
  });
  await eventually(() => listDeadLetters(world.db)).toHaveLength(1);
  await world.bus.jetstream.publish("event.job.cancelled", Uint8Array.of(0xff, 0xff), { headers });
  await eventually(() => listDeadLetters(world.db)).toHaveLength(2);
  const letters = await listDeadLetters(world.db);
  expect(letters.map(({ deliveries, error }) => [deliveries, error.split("\n")[0]])).toEqual([
    [1, "PermanentError: unknown job"],
    [1, "PermanentError: The payload is no gradients.event.v1.JobCancelled"],
  ]);
});

test("a replay that fails again is listed again, and an unknown id is told", async () => {
  const refusing = on<typeof JobCancelledSchema, Tables>(JobCancelledSchema, () =>
    Promise.reject(new PermanentError("still unknown")),
  );
  world.run(world.relay());
  const stop = world.run(world.consumer("scorer", [refusing]));
  await world.append("job-1");
  await eventually(() => listDeadLetters(world.db)).toHaveLength(1);
  const [first] = await listDeadLetters(world.db);
  await replayDeadLetter(world.db, world.bus, first!.id);
  await eventually(async () =>
    (await listDeadLetters(world.db)).map(({ failedAt }) => failedAt > first!.failedAt),
  ).toEqual([true]);
  expect((await listDeadLetters(world.db))[0]?.id).toBe(first!.id);

  await stop();
  world.run(world.consumer("scorer", [recordEffect("scorer")]));
  await replayDeadLetter(world.db, world.bus, first!.id);
  await eventually(() => world.effects("scorer")).toEqual(["job-1"]);
  expect(await replayDeadLetter(world.db, world.bus, newId())).toBe(false);
});

/** Events about different jobs have no order among each other. */
async function sortedEffects(consumer: string): Promise<readonly string[]> {
  return (await world.effects(consumer)).toSorted();
}

async function settled(consumer: string): Promise<boolean> {
  const manager = await world.bus.manager();
  const { num_pending, num_ack_pending } = await manager.consumers.info("EVENTS", consumer);
  return num_pending === 0 && num_ack_pending === 0;
}
