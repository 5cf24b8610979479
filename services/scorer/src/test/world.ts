import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { type Bus, connectBus, event } from "@gradients/bus";
import { decodeEvent } from "@gradients/contracts/catalogue";
import { checkInvariants, createDatabase, type Database, ensureSchema } from "@gradients/db";
import { createObjectStore, type ObjectStore } from "@gradients/objects";
import { createLogger } from "@gradients/runtime";
import { createTestDatabase, testBucket, testNats } from "@gradients/testkit";
import { headers as natsHeaders } from "nats";
import { expect, vi } from "vitest";
import { loadConfig } from "../config.ts";
import { createScorer } from "../scorer.ts";
import { invariants } from "../store/invariants.ts";
import type { Tables } from "../store/schema.ts";

/** Real servers, a scorer on them, and everything that is said on the bus. */
export interface World extends AsyncDisposable {
  readonly bus: Bus;
  readonly db: Database<Tables>;
  readonly objects: ObjectStore;
  startScorer(env?: Readonly<Record<string, string>>): Promise<RunningScorer>;
  /** `times` deliveries of one and the same event. */
  publish<S extends DescMessage>(schema: S, message: JobMessage<S>, times?: number): Promise<void>;
  /** The job's events of that type so far, in order. */
  seen<S extends DescMessage>(schema: S, jobId: string): readonly MessageShape<S>[];
  waitFor<S extends DescMessage>(
    schema: S,
    jobId: string,
    count?: number,
  ): Promise<readonly MessageShape<S>[]>;
}

export interface RunningScorer {
  readonly grpc: string;
  stop(): Promise<void>;
}

type JobMessage<S extends DescMessage> = MessageInitShape<S> & { readonly jobId: string };

export async function createWorld(): Promise<World> {
  await using cleanup = new AsyncDisposableStack();
  const logger = createLogger({ service: "test", level: "warn" });
  const database = cleanup.use(await createTestDatabase());
  const role = { schema: "scorer", role: `scorer_${database.name}`, password: "test" };
  const databaseUrl = await ensureSchema(database.url, role);
  const nats = await testNats();
  cleanup.defer(() => nats.stop());
  const s3 = await testBucket();
  const workFolder = await mkdtemp(join(tmpdir(), "scorer-"));
  cleanup.defer(() => rm(workFolder, { recursive: true, force: true }));
  const bus = await connectBus({ servers: [nats.url], name: "test" }, logger);
  cleanup.defer(() => bus.close());
  const objects = createObjectStore(s3);
  cleanup.defer(async () => objects.close());
  const db = createDatabase<Tables>(
    { url: databaseUrl, schema: "scorer", applicationName: "test", poolSize: 3 },
    logger,
  );
  cleanup.defer(() => db.close());
  const env = {
    SCORER_LOG_LEVEL: "error",
    SCORER_GRPC_PORT: "0",
    SCORER_DATABASE_URL: databaseUrl,
    SCORER_NATS_SERVERS: nats.url,
    SCORER_OBJECTS_ENDPOINT: s3.endpoint,
    SCORER_OBJECTS_REGION: s3.region,
    SCORER_OBJECTS_BUCKET: s3.bucket,
    SCORER_OBJECTS_ACCESS_KEY_ID: s3.accessKeyId,
    SCORER_OBJECTS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    SCORER_HELDOUT_ROWS_MAX: "40",
    SCORER_WORK_FOLDER: workFolder,
  };
  const events = collectEvents(bus);
  const started: RunningScorer[] = [];
  cleanup.defer(async () => void (await Promise.all(started.map((scorer) => scorer.stop()))));
  const seen: World["seen"] = (schema, jobId) =>
    events.flatMap((item) =>
      item.type === schema.typeName && item.jobId === jobId ? [decodeEvent(schema, item.payload)] : [],
    );
  const owned = cleanup.move();
  return {
    bus,
    db,
    objects,
    seen,
    startScorer: async (more = {}) => {
      const scorer = await startScorer({ ...env, ...more });
      started.push(scorer);
      return scorer;
    },
    publish: async (schema, message, times = 1) => {
      const { subject, payload, eventId, type } = event(schema, message, { aggregateId: message.jobId });
      for (let time = 0; time < times; time++)
        await publishRaw(bus, subject, payload, eventId, type, message.jobId);
    },
    waitFor: (schema, jobId, count = 1) =>
      vi.waitFor(
        () => {
          const found = seen(schema, jobId);
          expect(found.length, schema.name).toBeGreaterThanOrEqual(count);
          return found;
        },
        { timeout: 20_000, interval: 25 },
      ),
    [Symbol.asyncDispose]: async () => {
      await using _ = owned;
      expect(await checkInvariants(db, invariants, { windowHours: 24 })).toEqual([]);
    },
  };
}

async function startScorer(env: Readonly<Record<string, string>>): Promise<RunningScorer> {
  const service = await createScorer(loadConfig({ env, argv: [] }));
  const addresses = await service.start();
  const stopping = new AbortController();
  const run = service.run(stopping.signal);
  run.catch(() => {}); // seen by stop()
  return {
    grpc: addresses["grpc"] ?? "",
    stop: () => {
      stopping.abort();
      return run;
    },
  };
}

/** Without Nats-Msg-Id, so that the server delivers a repeat: it is the inbox that is tested. */
async function publishRaw(
  bus: Bus,
  subject: string,
  payload: Uint8Array,
  id: string,
  type: string,
  jobId: string,
): Promise<void> {
  const headers = natsHeaders();
  const values = {
    "ce-id": id,
    "ce-type": type,
    "ce-subject": jobId,
    "ce-time": new Date().toISOString(),
    "ce-specversion": "1.0",
    "ce-source": "test",
  };
  for (const [name, value] of Object.entries(values)) headers.set(name, value);
  await bus.jetstream.publish(subject, payload, { headers });
}

function collectEvents(
  bus: Bus,
): { readonly type: string; readonly jobId: string; readonly payload: Uint8Array }[] {
  const events: { type: string; jobId: string; payload: Uint8Array }[] = [];
  bus.connection.subscribe("event.>", {
    callback: (_error, message) => {
      const { headers, data } = message;
      events.push({
        type: headers?.get("ce-type") ?? "",
        jobId: headers?.get("ce-subject") ?? "",
        payload: data,
      });
    },
  });
  return events;
}
