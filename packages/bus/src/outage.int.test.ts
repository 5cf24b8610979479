import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createTestDatabase, type Nats, startNats, type TestDatabase } from "@gradients/testkit";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectBus } from "./connect-bus.ts";
import { republishSince } from "./outbox.ts";
import { ensureStreams } from "./streams.ts";
import { createWorld, jobIds, logger, template, type World } from "./testing/bus-world.ts";
import { eventually } from "./testing/eventually.ts";

const relayProgram = new URL("./testing/relay-program.ts", import.meta.url).pathname;
let database: TestDatabase;
let databaseUrl: string;
let dataDir: string;
let nats: Nats;
let world: World;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "gradients-nats-"));
  [database, nats] = await Promise.all([createTestDatabase(template), startNats({ dataDir })]);
  databaseUrl = database.urlAs("bus_test_role", "p");
  world = await createWorld(databaseUrl, nats.url);
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
  await Promise.all([database.drop(), nats.stop()]);
  await rm(dataDir, { recursive: true, force: true });
});

test("NATS restarts in mid-flow: every event has its effect once", async () => {
  runAll();
  const ids = await whileAppending(async () => {
    await restartNats();
    await delay(500);
    await restartNats();
  });
  await expectEffects("scorer", ids);
  await expectEffects("gateway", ids);
}, 60_000);

test("NATS comes back with an empty store in mid-flow: every event has its effect once, and a new consumer still gets all of them", async () => {
  runAll();
  await world.append("published before");
  await eventually(() => world.effects("scorer")).toEqual(["published before"]);
  const ids = await whileAppending(() => restartNats({ wiped: true }));
  const all = ["published before", ...ids];
  await expectEffects("scorer", all);
  world.run(world.consumer("newcomer"));
  await expectEffects("newcomer", all);
}, 60_000);

test("a relay killed again and again in mid-flow: every event has its effect once", async () => {
  world.run(world.consumer("scorer"));
  const ids = await whileAppending(async () => {
    for (let kill = 0; kill < 3; kill++) {
      const relay = spawn(process.execPath, [relayProgram, databaseUrl, nats.url], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await once(relay.stdout, "data");
      await delay(150);
      relay.kill("SIGKILL");
      await once(relay, "exit");
    }
  });
  world.run(world.relay());
  await expectEffects("scorer", ids);
}, 60_000);

test("a second relay takes over when the first one loses its lock", async () => {
  runAll();
  const other = await createWorld(databaseUrl, nats.url);
  other.run(other.relay());
  const ids = await whileAppending(async () => {
    for (let i = 0; i < 3; i++) {
      await delay(200);
      await killSessions("bus test lock outbox-relay");
    }
  });
  await expectEffects("scorer", ids);
  await other[Symbol.asyncDispose]();
}, 60_000);

test("Postgres drops all connections in mid-flow: every event has its effect once, and it costs none of them a delivery", async () => {
  const onlyOneDelivery = 1;
  world.run(world.relay());
  world.run(world.consumer("scorer", undefined, onlyOneDelivery));
  const ids = await whileAppending(async () => {
    for (let i = 0; i < 4; i++) {
      await delay(200);
      await killSessions("bus test%");
    }
  });
  await expectEffects("scorer", ids);
  expect(await world.db.q.selectFrom("dead_letter").select("id").execute()).toEqual([]);
}, 60_000);

test("a full stream holds the outbox back and lets it go on when there is room", async () => {
  const small = await connectBus(
    { servers: [nats.url], name: "small", maxBytes: { EVENTS: 20_000 } },
    logger,
  );
  await ensureStreams(small);
  await small.close();
  const manager = await world.bus.manager();
  const stop = world.run(world.relay());
  await world.append(...jobIds(200));
  const unpublished = async () =>
    Number(
      (
        await sql<{ n: bigint }>`select count(*) as n from outbox where published_at is null`.execute(
          world.db.q,
        )
      ).rows[0]?.n,
    );
  await eventually(unpublished).toBeLessThan(200);
  await delay(500);
  expect(await unpublished()).toBeGreaterThan(0);
  await manager.streams.update("EVENTS", { max_bytes: 10_000_000 });
  await eventually(unpublished).toBe(0);
  await stop();
}, 60_000);

test("republishSince sends again what was published, and inboxes drop it", async () => {
  runAll();
  await world.append("a", "b");
  await eventually(async () => (await world.effects("scorer")).length).toBe(2);
  await eventually(() => republishSince(world.db, new Date(0))).toBe(2);
  await eventually(
    async () =>
      (await world.db.q.selectFrom("outbox").select("id").where("published_at", "is", null).execute()).length,
  ).toBe(0);
  expect((await world.effects("scorer")).toSorted()).toEqual(["a", "b"]);
}, 60_000);

test("what was published long ago and inbox rows twice as old are pruned, the rest is kept", async () => {
  await world.append("old", "kept", "never published");
  await sql`update outbox set published_at = now() - interval '8 days' where id = 1`.execute(world.db.q);
  await sql`update outbox set published_at = now() - interval '6 days' where id = 2`.execute(world.db.q);
  await sql`update outbox set created_at = now() - interval '30 days' where id = 3`.execute(world.db.q);
  await sql`insert into inbox select 'old', gen_random_uuid(), now() - interval '15 days'`.execute(
    world.db.q,
  );
  await sql`insert into inbox select 'kept', gen_random_uuid(), now() - interval '13 days'`.execute(
    world.db.q,
  );
  world.run(world.relay());
  await eventually(async () =>
    (await world.db.q.selectFrom("outbox").select("id").orderBy("id").execute()).map(({ id }) => id),
  ).toEqual([2n, 3n]);
  await eventually(async () =>
    (await world.db.q.selectFrom("inbox").select("consumer").execute()).map(({ consumer }) => consumer),
  ).toEqual(["kept"]);
});

function runAll(): void {
  world.run(world.relay());
  world.run(world.consumer("scorer"));
  world.run(world.consumer("gateway"));
}

/** Appends events, a few at a time, until the disturbance is over; returns their job ids. */
async function whileAppending(disturb: () => Promise<void>): Promise<readonly string[]> {
  const appended: string[] = [];
  const over = new AbortController();
  const appending = (async () => {
    while (!over.signal.aborted) {
      const ids = jobIds(5);
      await world.append(...ids).then(
        () => appended.push(...ids),
        () => {},
      ); // the caller of a refused commit knows and would try again
      await delay(10);
    }
  })();
  await delay(300);
  await disturb();
  await delay(300);
  over.abort();
  await appending;
  return appended;
}

async function restartNats({ wiped = false } = {}): Promise<void> {
  const { port } = nats;
  await nats.stop();
  if (wiped) await rm(join(dataDir, "jetstream"), { recursive: true });
  nats = await startNats({ dataDir, port });
}

async function killSessions(name: string): Promise<void> {
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name like ${name} and datname = current_database() and pid <> pg_backend_pid()`.execute(
    world.db.q,
  );
}

/** Waits until the consumer has handled as many events as there are, and then for what may still come, before it compares. */
async function expectEffects(consumer: string, ids: readonly string[]): Promise<void> {
  expect(ids.length).toBeGreaterThan(0);
  await eventually(async () => (await world.effects(consumer)).length).toBeGreaterThanOrEqual(ids.length);
  await eventually(() => settled(consumer)).toBe(true);
  expect((await world.effects(consumer)).toSorted()).toEqual(ids.toSorted());
}

async function settled(consumer: string): Promise<boolean> {
  const manager = await world.bus.manager();
  const { num_pending, num_ack_pending } = await manager.consumers.info("EVENTS", consumer);
  return num_pending === 0 && num_ack_pending === 0;
}
