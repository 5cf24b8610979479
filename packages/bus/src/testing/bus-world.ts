// What the integration tests of this package share: one schema with the bus's tables and an effect table, publisher and consumers on it.
import { JobCancelledSchema } from "@gradients/contracts/event";
import { createDatabase, type Database, ensureSchema, migrate } from "@gradients/db";
import { newId } from "@gradients/kernel";
import { createLogger, type Part } from "@gradients/runtime";
import { type Generated, type Kysely, sql } from "kysely";
import { type Bus, connectBus } from "../connect-bus.ts";
import { createConsumer } from "../consumer.ts";
import { event } from "../event.ts";
import { type EventHandlers, on } from "../handlers.ts";
import { busMigrations } from "../migrations.ts";
import { appendOutbox } from "../outbox.ts";
import { createOutboxRelay } from "../outbox-relay.ts";
import type { BusTables } from "../tables.ts";

export type Tables = BusTables & {
  effect: { id: Generated<bigint>; consumer: string; event_id: string; job_id: string };
};

export const logger = createLogger({ service: "test", level: (process.env["DBG"] ?? "silent") as "silent" });
export const SCHEMA = "bus_test";

const migrations = {
  ...busMigrations,
  "0001-effect": {
    up: async (kysely: Kysely<unknown>) =>
      void (await sql`
        create table effect (id bigint generated always as identity primary key, consumer text not null, event_id uuid not null, job_id text not null)`.execute(
        kysely,
      )),
  },
};

/** For the test kit's database templates. */
async function prepareSchema(adminUrl: string): Promise<void> {
  const url = await ensureSchema(adminUrl, { schema: SCHEMA, role: "bus_test_role", password: "p" });
  const db = openDatabase(url);
  await migrate(db, migrations);
  await db.close();
}

/** What the test kit makes databases from. */
export const template = { template: "bus", prepare: prepareSchema } as const;

export function openDatabase(url: string, poolSize = 12): Database<Tables> {
  return createDatabase<Tables>({ url, schema: SCHEMA, applicationName: "bus test", poolSize }, logger);
}

export interface World extends AsyncDisposable {
  readonly db: Database<Tables>;
  readonly bus: Bus;
  /** Runs a part until it is stopped or the world ends; resolves to its orderly stop. */
  run(part: Part): () => Promise<void>;
  relay(): Part;
  consumer(name: string, handlers?: EventHandlers<Tables>, maxDeliveries?: number): Part;
  /** Appends one JobCancelled per job id in one transaction. */
  append(...jobIds: readonly string[]): Promise<void>;
  /** Job ids that a consumer has recorded, in their order. */
  effects(consumer: string): Promise<readonly string[]>;
}

/** A world on servers of its own, which end with it. */
export interface OwnWorld extends World {
  readonly databaseUrl: string;
  readonly natsUrl: string;
}

interface OwnServers {
  /** Made from `template`. */
  readonly database: Promise<{ urlAs(role: string, password: string): string; drop(): Promise<void> }>;
  readonly nats: Promise<{ readonly url: string; stop(): Promise<void> }>;
}

export async function openWorld(servers: OwnServers): Promise<OwnWorld> {
  const [database, nats] = await Promise.all([servers.database, servers.nats]);
  const databaseUrl = database.urlAs("bus_test_role", "p");
  const world = await createWorld(databaseUrl, nats.url);
  return {
    ...world,
    databaseUrl,
    natsUrl: nats.url,
    [Symbol.asyncDispose]: async () => {
      await world[Symbol.asyncDispose]();
      await Promise.all([database.drop(), nats.stop()]);
    },
  };
}

export async function createWorld(databaseUrl: string, natsUrl: string): Promise<World> {
  const db = openDatabase(databaseUrl);
  const bus = await connectBus({ servers: [natsUrl], name: "test" }, logger);
  const stops = new Set<() => Promise<void>>();

  const run = (part: Part) => {
    const stop = start(part);
    stops.add(stop);
    return async () => {
      stops.delete(stop);
      await stop();
    };
  };
  return {
    db,
    bus,
    run,
    relay: () => createOutboxRelay({ db, bus, logger, service: "test" }),
    consumer: (service, handlers = [recordEffect(service)], maxDeliveries = 8) =>
      createConsumer({ service, db, bus, logger, handlers, maxDeliveries }),
    append: async (...jobIds) =>
      db.tx((tx) =>
        appendOutbox(
          tx,
          jobIds.map((jobId) => event(JobCancelledSchema, { jobId }, { aggregateId: jobId })),
        ),
      ),
    effects: (consumer) => effectsOf(db, consumer),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...stops].map((stop) => stop()));
      await bus.close();
      await db.close();
    },
  };
}

/** Writes down each event that it handles. */
export function recordEffect(consumer: string) {
  return on<typeof JobCancelledSchema, Tables>(JobCancelledSchema, async ({ jobId }, { tx, eventId }) => {
    await tx.insertInto("effect").values({ consumer, event_id: eventId, job_id: jobId }).execute();
  });
}

export function jobIds(count: number): readonly string[] {
  return Array.from({ length: count }, () => newId());
}

function start(part: Part): () => Promise<void> {
  const stopping = new AbortController();
  const running = part.run?.(stopping.signal);
  return async () => {
    stopping.abort();
    await running;
    await part.stop?.();
  };
}

async function effectsOf(db: Database<Tables>, consumer: string): Promise<readonly string[]> {
  const rows = await db.q
    .selectFrom("effect")
    .select("job_id")
    .where("consumer", "=", consumer)
    .orderBy("id")
    .execute();
  return rows.map(({ job_id }) => job_id);
}
