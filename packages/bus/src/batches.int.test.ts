import { JobCancelledSchema } from "@gradients/contracts/event";
import { createTestDatabase, testNats } from "@gradients/testkit";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listDeadLetters } from "./dead-letters.ts";
import { on, PermanentError } from "./handlers.ts";
import { jobIds, type OwnWorld, openWorld, type Tables, template } from "./testing/bus-world.ts";
import { eventually } from "./testing/eventually.ts";

let world: OwnWorld;

beforeEach(async () => {
  world = await openWorld({ database: createTestDatabase(template), nats: testNats() });
});

afterEach(() => world[Symbol.asyncDispose]());

test("events that wait share transactions, each with its own inbox row and effect", async () => {
  world.run(world.relay());
  const ids = jobIds(1_000);
  await world.append(...ids);
  await eventually(unpublished).toBe(0);
  world.run(world.consumer("scorer"));
  await eventually(async () => (await world.effects("scorer")).length).toBe(1_000);
  expect((await world.effects("scorer")).toSorted()).toEqual(ids.toSorted());
  expect(await transactions()).toBeLessThan(900);
});

test("one that fails among others costs them nothing: they are handled once, and it is put aside", async () => {
  const refusing = on<typeof JobCancelledSchema, Tables>(
    JobCancelledSchema,
    async ({ jobId }, { tx, eventId }) => {
      await tx
        .insertInto("effect")
        .values({ consumer: "scorer", event_id: eventId, job_id: jobId })
        .execute();
      if (jobId.startsWith("poison")) throw new PermanentError("unknown job");
    },
  );
  world.run(world.relay());
  const ids = Array.from({ length: 300 }, (_, i) => (i % 100 === 50 ? `poison-${i}` : `job-${i}`));
  await world.append(...ids);
  await eventually(unpublished).toBe(0);
  world.run(world.consumer("scorer", [refusing]));
  const good = ids.filter((id) => id.startsWith("job"));
  await eventually(async () => (await world.effects("scorer")).length).toBe(good.length);
  expect((await world.effects("scorer")).toSorted()).toEqual(good.toSorted());
  await eventually(async () => (await listDeadLetters(world.db)).map(({ deliveries }) => deliveries)).toEqual(
    [1, 1, 1],
  );
});

test("a handler that hides a failed statement does not undo the others' work", async () => {
  const hiding = on<typeof JobCancelledSchema, Tables>(
    JobCancelledSchema,
    async ({ jobId }, { tx, eventId }) => {
      if (jobId === "hiding") await sql`select 1 / 0`.execute(tx).catch(() => {});
      else
        await tx
          .insertInto("effect")
          .values({ consumer: "scorer", event_id: eventId, job_id: jobId })
          .execute();
    },
  );
  world.run(world.relay());
  const ids = jobIds(60);
  await world.append(...ids.flatMap((id) => [id, "hiding"]));
  await eventually(unpublished).toBe(0);
  world.run(world.consumer("scorer", [hiding]));
  await eventually(async () => (await world.effects("scorer")).length).toBe(60);
  expect((await world.effects("scorer")).toSorted()).toEqual(ids.toSorted());
});

async function unpublished(): Promise<number> {
  return (await world.db.q.selectFrom("outbox").select("id").where("published_at", "is", null).execute())
    .length;
}

/** Distinct transactions that wrote effects. */
async function transactions(): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`select count(distinct xmin::text) from effect`.execute(
    world.db.q,
  );
  return Number(rows[0]?.count);
}
