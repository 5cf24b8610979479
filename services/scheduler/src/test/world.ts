import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { type Bus, connectBus, event } from "@gradients/bus";
import { decodeEvent } from "@gradients/contracts/catalogue";
import {
  type AttemptFinished,
  type AttemptProgress,
  EvaluationRequestedSchema,
  JobAcceptedSchema,
  SplitCommittedSchema,
} from "@gradients/contracts/event";
import { checkInvariants, createDatabase, type Database, ensureSchema } from "@gradients/db";
import { newId } from "@gradients/kernel";
import { createObjectStore, type ObjectRef, type ObjectStore } from "@gradients/objects";
import { createLogger, type Logger, type Service } from "@gradients/runtime";
import { createTestDatabase, testBucket, testNats, tinyModel } from "@gradients/testkit";
import { expect, vi } from "vitest";
import { paths } from "../../../../tools/setup/paths.mjs";
import { loadConfig } from "../config.ts";
import { createScheduler } from "../scheduler.ts";
import { invariants } from "../store/invariants.ts";
import type { Tables } from "../store/schema.ts";
import { collectEvents, collectProgress, publishRaw } from "./bus-spy.ts";

/** Real servers, a bucket with a tiny model, and everything that the scheduler says on the bus. */
export interface World extends AsyncDisposable {
  readonly bus: Bus;
  readonly db: Database<Tables>;
  readonly objects: ObjectStore;
  readonly logger: Logger;
  readonly fleetDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly progress: readonly AttemptProgress[];
  startScheduler(env?: Readonly<Record<string, string>>): Promise<RunningScheduler>;
  publish<S extends DescMessage>(
    schema: S,
    message: MessageInitShape<S> & { readonly jobId: string },
  ): Promise<void>;
  /** `traceparent` of each event of that type so far, in order. */
  tracesOf(schema: DescMessage): readonly (string | undefined)[];
  /** The events of that type so far, in order. */
  seen<S extends DescMessage>(schema: S): readonly MessageShape<S>[];
  waitFor<S extends DescMessage>(
    schema: S,
    count: number,
    timeoutMs?: number,
  ): Promise<readonly MessageShape<S>[]>;
  /** What the gateway and the scorer say at the start of a job. */
  openJob(options?: JobOptions): Promise<string>;
  /** What the scorer asks for once an attempt has finished. Returns the evaluation's id. */
  requestEvaluation(jobId: string, attempt: AttemptFinished | undefined): Promise<string>;
  putText(key: string, text: string): Promise<ObjectRef>;
  modelFiles(): Promise<readonly { name: string; object: ObjectRef }[]>;
}

interface RunningScheduler {
  readonly addresses: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

export interface JobOptions {
  readonly contestants?: number;
  readonly budgetSeconds?: number;
  readonly hardwareClass?: string;
  readonly recipeIds?: string[];
  readonly deadline?: Timestamp;
  /** Content of the training file. */
  readonly trainRows?: string;
}

const HOTKEYS = [
  "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
  "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
];

const recipes = [
  { id: "plain", title: "Plain", summary: "LoRA.", method: "lora", settings: lora(4), default: true },
  { id: "wide", title: "Wide", summary: "LoRA of a higher rank.", method: "lora", settings: lora(8) },
];

function lora(rank: number) {
  return { learning_rate: 1e-3, batch_size: 2, lora: { rank } };
}

export async function createWorld(): Promise<World> {
  await using cleanup = new AsyncDisposableStack();
  const logger = createLogger({ service: "test", level: "warn" });
  const database = cleanup.use(await createTestDatabase());
  const databaseUrl = await ensureSchema(database.url, {
    schema: "scheduler",
    role: `scheduler_${database.name}`,
    password: "test",
  });
  const nats = await testNats();
  cleanup.defer(() => nats.stop());
  const s3 = await testBucket();
  const folder = await mkdtemp(join(tmpdir(), "scheduler-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const bus = await connectBus({ servers: [nats.url], name: "test" }, logger);
  cleanup.defer(() => bus.close());
  const objects = createObjectStore(s3);
  cleanup.defer(async () => objects.close());
  const db = createDatabase<Tables>(
    { url: databaseUrl, schema: "scheduler", applicationName: "test", poolSize: 3 },
    logger,
  );
  cleanup.defer(() => db.close());
  await writeFile(join(folder, "recipes.json"), JSON.stringify(recipes));
  const fleetDir = join(folder, "fleet");
  const env = {
    SCHEDULER_LOG_LEVEL: "warn",
    SCHEDULER_GRPC_PORT: "0",
    SCHEDULER_RELAY_PORT: "0",
    SCHEDULER_DATABASE_URL: databaseUrl,
    SCHEDULER_NATS_SERVERS: nats.url,
    SCHEDULER_OBJECTS_ENDPOINT: s3.endpoint,
    SCHEDULER_OBJECTS_REGION: s3.region,
    SCHEDULER_OBJECTS_BUCKET: s3.bucket,
    SCHEDULER_OBJECTS_ACCESS_KEY_ID: s3.accessKeyId,
    SCHEDULER_OBJECTS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    SCHEDULER_RECIPES_FILE: join(folder, "recipes.json"),
    SCHEDULER_RECIPES_CONTESTANT_HOTKEYS: HOTKEYS.join(","),
    SCHEDULER_FLEET_DIR: fleetDir,
    SCHEDULER_FLEET_CACHE_DIR: join(folder, "cache"),
    SCHEDULER_FLEET_PYTHON: paths.pythonBin,
    SCHEDULER_FLEET_CLASSES: JSON.stringify([
      { name: "local", description: "test", slots: 2, threadsPerSlot: 1 },
    ]),
    SCHEDULER_ATTEMPTS_CHECKPOINT_SECONDS: "1",
    SCHEDULER_ATTEMPTS_POLL_SECONDS: "0.5",
  };
  const events = collectEvents(bus);
  const progress = collectProgress(bus);
  const started: RunningScheduler[] = [];
  cleanup.defer(async () => void (await Promise.all(started.map((scheduler) => scheduler.stop()))));
  const putText = (key: string, text: string) => objects.put(key, Buffer.from(text));
  const modelFiles = () =>
    Promise.all(
      [...tinyModel()].map(async ([name, content]) => ({
        name,
        object: await objects.put(`models/tiny/${name}`, content),
      })),
    );
  const publish = async <S extends DescMessage>(
    schema: S,
    message: MessageInitShape<S> & { readonly jobId: string },
  ) => {
    const { subject, payload, eventId, type } = event(schema, message, { aggregateId: message.jobId });
    await publishRaw(bus, subject, payload, eventId, type, message.jobId);
  };
  const seen = <S extends DescMessage>(schema: S) =>
    events.flatMap(({ type, payload }) => (type === schema.typeName ? [decodeEvent(schema, payload)] : []));
  const owned = cleanup.move();
  return {
    bus,
    db,
    objects,
    logger,
    fleetDir,
    env,
    progress,
    publish,
    tracesOf: ({ typeName }) =>
      events.flatMap(({ type, traceparent }) => (type === typeName ? [traceparent] : [])),
    seen,
    putText,
    modelFiles,
    startScheduler: async (more = {}) => {
      const scheduler = await startScheduler({ ...env, ...more });
      started.push(scheduler);
      return scheduler;
    },
    waitFor: (schema, count, timeout = 60_000) =>
      vi.waitFor(
        () => {
          const found = seen(schema);
          expect(found.length).toBeGreaterThanOrEqual(count);
          return found;
        },
        { timeout, interval: 50 },
      ),
    openJob: async ({ trainRows = rows(200), ...options } = {}) => {
      const jobId = newId();
      await publish(JobAcceptedSchema, {
        ...(await orderOf(modelFiles, putText)),
        ...withDefaults(options),
        jobId,
      });
      const train = await putText(`jobs/${jobId}/split/train.jsonl`, trainRows);
      await publish(SplitCommittedSchema, {
        jobId,
        train,
        trainRows: 200,
        heldoutRows: 20,
        heldoutCommitment: "00",
      });
      return jobId;
    },
    requestEvaluation: async (jobId, attempt) => {
      const evaluationId = newId();
      await publish(EvaluationRequestedSchema, {
        jobId,
        evaluationId,
        attemptId: attempt?.attemptId ?? "",
        baseModel: { modelId: "tiny", files: [...(await modelFiles())] },
        artifact: attempt?.artifact ?? [],
        heldout: await putText(`private/jobs/${jobId}/heldout.jsonl`, rows(12, 201)),
        columns,
        maxLength: 128,
        generateRows: 2,
        maxNewTokens: 8,
        hardwareClass: "local",
      });
      return evaluationId;
    },
    [Symbol.asyncDispose]: async () => {
      await using _ = owned;
      expect(await checkInvariants(db, invariants, { windowHours: 24 })).toEqual([]);
    },
  };
}

export const columns = {
  shape: { case: "instruct", value: { instruction: "question", output: "answer" } },
} as const;

/** `count` rows of a task that a byte model gets better at: repeat the word. */
export function rows(count: number, first = 1): string {
  const words = ["red", "green", "blue", "black", "white", "gold"];
  return Array.from({ length: count }, (_, index) => {
    const word = words[index % words.length] ?? "";
    return `${JSON.stringify({ row: first + index, question: `Repeat: ${word}`, answer: `${word} ${word}` })}\n`;
  }).join("");
}

async function orderOf(modelFiles: World["modelFiles"], putText: World["putText"]) {
  return {
    baseModel: { modelId: "tiny", files: [...(await modelFiles())], contextLength: 512 },
    dataset: { datasetId: "d", object: await putText("datasets/d/original", rows(10)), format: 1, columns },
    maxLength: 128,
  };
}

function withDefaults(options: Omit<JobOptions, "trainRows">) {
  return { contestants: 2, budgetSeconds: 4, hardwareClass: "local", ...options };
}

async function startScheduler(env: Readonly<Record<string, string>>): Promise<RunningScheduler> {
  const service: Service = await createScheduler(loadConfig({ env, argv: [] }));
  const addresses = await service.start();
  const stopping = new AbortController();
  const run = service.run(stopping.signal);
  run.catch(() => {}); // seen by stop()
  return {
    addresses,
    stop: () => {
      stopping.abort();
      return run;
    },
  };
}
