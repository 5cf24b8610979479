import { JobCancelledSchema, JobFailedSchema } from "@gradients/contracts/event";
import { newId } from "@gradients/kernel";
import { createTestDatabase, testNats } from "@gradients/testkit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { event } from "./event.ts";
import { type EventContext, on } from "./handlers.ts";
import { toMsgHeaders } from "./headers.ts";
import { appendOutbox } from "./outbox.ts";
import {
  createWorld,
  jobIds,
  type OwnWorld,
  openWorld,
  recordEffect,
  type Tables,
  template,
} from "./testing/bus-world.ts";
import { eventually } from "./testing/eventually.ts";

let world: OwnWorld;

beforeEach(async () => {
  world = await openWorld({ database: createTestDatabase(template), nats: testNats() });
});

afterEach(() => world[Symbol.asyncDispose]());

describe("outbox to inbox", () => {
  test("a committed event reaches every consumer with its message and metadata", async () => {
    const seen: Record<string, [string, Omit<EventContext<Tables>, "tx">]> = {};
    const handler = (consumer: string) =>
      on<typeof JobCancelledSchema, Tables>(
        JobCancelledSchema,
        async ({ jobId }, { tx: _tx, ...context }) => void (seen[consumer] = [jobId, context]),
      );
    world.run(world.relay());
    world.run(world.consumer("scheduler", [handler("scheduler")]));
    world.run(world.consumer("scorer", [handler("scorer")]));
    const before = new Date();
    await world.append("job-1");
    await eventually(() => Object.keys(seen).toSorted()).toEqual(["scheduler", "scorer"]);
    const [jobId, { eventId, time, aggregateId }] = seen["scorer"]!;
    expect({ jobId, aggregateId }).toEqual({ jobId: "job-1", aggregateId: "job-1" });
    expect(eventId).toMatch(/^[0-9a-f-]{36}$/);
    expect(Math.abs(time.getTime() - before.getTime())).toBeLessThan(5_000);
  });

  test("a release that listens to more events takes over from the one before it, and gives back to it", async () => {
    const failed: string[] = [];
    const note = on<typeof JobFailedSchema, Tables>(
      JobFailedSchema,
      async ({ jobId }) => void failed.push(jobId),
    );
    const fail = (jobId: string) =>
      world.db.tx((tx) =>
        appendOutbox(tx, event(JobFailedSchema, { jobId }, { aggregateId: crypto.randomUUID() })),
      );
    const before = () => world.consumer("scorer");
    const after = () => world.consumer("scorer", [recordEffect("scorer"), note]);
    world.run(world.relay());
    for (const [index, release] of [before, after, before, after].entries()) {
      const stop = world.run(release());
      await world.append(`cancelled-${index}`);
      await eventually(() => world.effects("scorer").then((jobs) => jobs.length)).toBe(index + 1);
      if (release === after) {
        await fail(`failed-${index}`);
        await eventually(() => failed.at(-1)).toBe(`failed-${index}`);
      }
      await stop();
    }
    expect(await world.effects("scorer")).toEqual([0, 1, 2, 3].map((index) => `cancelled-${index}`));
    expect(failed).toEqual(["failed-1", "failed-3"]);
  });

  test("a rolled back event does not leave", async () => {
    world.run(world.relay());
    world.run(world.consumer("scorer"));
    await world.db
      .tx(async (tx) => {
        await appendOutbox(tx, event(JobCancelledSchema, { jobId: "ghost" }, { aggregateId: "ghost" }));
        throw new Error("no");
      })
      .catch(() => {});
    await world.append("real");
    await eventually(() => world.effects("scorer")).toEqual(["real"]);
  });

  test("events about one aggregate are handled in their order", async () => {
    const handled = new Map<string, string[]>();
    const note = on<typeof JobFailedSchema, Tables>(JobFailedSchema, async ({ jobId }, { aggregateId }) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
      handled.set(aggregateId, [...(handled.get(aggregateId) ?? []), jobId]);
    });
    world.run(world.relay());
    world.run(world.consumer("scorer", [note]));
    const steps = Array.from({ length: 30 }, (_, step) => String(step));
    for (const step of steps) {
      await world.db.tx((tx) =>
        appendOutbox(
          tx,
          ["a", "b", "c"].map((aggregateId) => event(JobFailedSchema, { jobId: step }, { aggregateId })),
        ),
      );
    }
    await eventually(() => [...handled.values()].flat().length).toBe(90);
    expect(Object.fromEntries(handled)).toEqual({ a: steps, b: steps, c: steps });
  });

  test("what a handler sends leaves with its effect", async () => {
    let tries = 0;
    const chained = on<typeof JobCancelledSchema, Tables>(JobCancelledSchema, async ({ jobId }, { tx }) => {
      await appendOutbox(tx, event(JobFailedSchema, { jobId }, { aggregateId: jobId }));
      if (++tries === 1) throw new Error("after the append");
    });
    const failures: string[] = [];
    const collect = on<typeof JobFailedSchema, Tables>(
      JobFailedSchema,
      async ({ jobId }) => void failures.push(jobId),
    );
    world.run(world.relay());
    world.run(world.consumer("scorer", [chained]));
    world.run(world.consumer("gateway", [collect]));
    await world.append("job-1");
    await eventually(() => failures).toEqual(["job-1"]);
    expect(tries).toBe(2);
  });
});

test("an event that is committed late is sent before the next one about the same thing, however many are on their way", async () => {
  world.run(world.relay());
  world.run(world.consumer("scorer"));
  const committing = Promise.withResolvers<void>();
  const appended = Promise.withResolvers<void>();
  const first = world.db.tx(async (tx) => {
    await appendOutbox(tx, event(JobCancelledSchema, { jobId: "late 1" }, { aggregateId: "late" }));
    appended.resolve();
    await committing.promise;
  });
  await appended.promise;
  await world.append(...jobIds(2_000));
  await eventually(async () => (await world.effects("scorer")).length).toBeGreaterThan(0);
  committing.resolve();
  await first;
  await world.db.tx((tx) =>
    appendOutbox(tx, event(JobCancelledSchema, { jobId: "late 2" }, { aggregateId: "late" })),
  );
  await eventually(async () => (await world.effects("scorer")).length).toBe(2_002);
  expect((await world.effects("scorer")).filter((id) => id.startsWith("late"))).toEqual(["late 1", "late 2"]);
}, 60_000);

describe("effectively once", () => {
  test("copies of an event, which the stream's own window did not catch, have one effect", async () => {
    world.run(world.relay());
    world.run(world.consumer("scorer"));
    await world.append("job-1");
    const { event_id, headers, payload, subject } = await world.db.q
      .selectFrom("outbox")
      .select(["event_id", "headers", "payload", "subject"])
      .executeTakeFirstOrThrow();
    for (let copy = 0; copy < 20; copy++) {
      await world.bus.jetstream.publish(subject, payload, {
        headers: toMsgHeaders({ ...headers, "Nats-Msg-Id": `${event_id}-${copy}` }),
      });
    }
    await world.append("job-2");
    const effects = async () => (await world.effects("scorer")).toSorted();
    await eventually(effects).toEqual(["job-1", "job-2"]);
    await eventually(() => settled("scorer")).toBe(true);
    expect(await effects()).toEqual(["job-1", "job-2"]);
  });

  test("a handler that fails after its work leaves no trace of it and is called again", async () => {
    let tries = 0;
    const flaky = on<typeof JobCancelledSchema, Tables>(
      JobCancelledSchema,
      async ({ jobId }, { tx, eventId }) => {
        await tx
          .insertInto("effect")
          .values({ consumer: "flaky", event_id: eventId, job_id: jobId })
          .execute();
        if (++tries < 3) throw new Error("not yet");
      },
    );
    world.run(world.relay());
    world.run(world.consumer("flaky", [flaky]));
    await world.append("job-1");
    await eventually(() => world.effects("flaky")).toEqual(["job-1"]);
    expect(tries).toBe(3);
  });

  test("two replicas of a service share the work", async () => {
    const second = await createWorld(world.databaseUrl, world.natsUrl);
    world.run(world.relay());
    world.run(world.consumer("scorer"));
    second.run(second.consumer("scorer"));
    second.run(second.relay());
    const ids = jobIds(300);
    await world.append(...ids);
    await eventually(async () => (await world.effects("scorer")).length).toBe(300);
    await eventually(() => settled("scorer")).toBe(true);
    expect((await world.effects("scorer")).toSorted()).toEqual(ids.toSorted());
    await second[Symbol.asyncDispose]();
  });

  test("an unfinished delivery of a stopped consumer is made again at once", async () => {
    const entered = Promise.withResolvers<void>();
    const slow = on<typeof JobCancelledSchema, Tables>(JobCancelledSchema, async () => {
      entered.resolve();
      await new Promise((resolve) => setTimeout(resolve, 300));
    });
    world.run(world.relay());
    const stop = world.run(world.consumer("scorer", [slow]));
    await world.append(...jobIds(100));
    await entered.promise;
    await stop();
    const startedAt = performance.now();
    world.run(world.consumer("scorer"));
    await eventually(() => settled("scorer")).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(await inboxRows("scorer")).toBe(100);
  });
});

test("types without a handler, other consumers' replays and messages without an id are acked and have no effect", async () => {
  world.run(world.consumer("scorer"));
  const subject = "event.job.cancelled";
  await eventually(() => consumerExists("scorer")).toBe(true);
  const send = (headers: Record<string, string>) =>
    world.bus.jetstream.publish(subject, new Uint8Array(), { headers: toMsgHeaders(headers) });
  await send({ "ce-type": "gradients.event.v9.JobTeleported", "ce-id": newId() });
  await send({ "ce-type": JobCancelledSchema.typeName });
  await send({ "ce-type": JobCancelledSchema.typeName, "ce-id": newId(), "Gradients-Consumer": "scheduler" });
  await eventually(() => settled("scorer")).toBe(true);
  expect(await inboxRows("scorer")).toBe(0);
});

test("an event carries its identity, type, source, subject and time in its headers", async () => {
  await world.append("job-1");
  const { headers, event_id } = await world.db.q
    .selectFrom("outbox")
    .select(["headers", "event_id"])
    .executeTakeFirstOrThrow();
  expect(headers).toEqual({
    "Nats-Msg-Id": event_id,
    "ce-specversion": "1.0",
    "ce-id": event_id,
    "ce-type": "gradients.event.v1.JobCancelled",
    "ce-source": "gateway",
    "ce-subject": "job-1",
    "ce-time": expect.stringMatching(/^\d{4}-.*Z$/) as string,
  });
});

async function settled(consumer: string): Promise<boolean> {
  const manager = await world.bus.manager();
  const { num_pending, num_ack_pending, delivered } = await manager.consumers.info("EVENTS", consumer);
  return delivered.stream_seq > 0 && num_pending === 0 && num_ack_pending === 0;
}

async function consumerExists(consumer: string): Promise<boolean> {
  const manager = await world.bus.manager();
  return manager.consumers.info("EVENTS", consumer).then(
    () => true,
    () => false,
  );
}

async function inboxRows(consumer: string): Promise<number> {
  return (await world.db.q.selectFrom("inbox").select("event_id").where("consumer", "=", consumer).execute())
    .length;
}
