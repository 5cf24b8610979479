import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { connectBus, event } from "@gradients/bus";
import type { ControlPlane } from "@gradients/cluster";
import { JobAcceptedSchema, SplitCommittedSchema } from "@gradients/contracts/event";
import { ensureSchema } from "@gradients/db";
import { ServiceProcess } from "@gradients/faults/service-process";
import { newId } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { startNats, startPostgres, startS3 } from "@gradients/testkit";
import { headers } from "nats";
import pg from "pg";
import { paths } from "../../../setup/paths.mjs";
import { memorySettings } from "./memory-settings.ts";
import { fleetConfig } from "./trainers.ts";

/** The scheduler as it is installed, in a process of its own on real servers, with nothing around it. */
export interface SchedulerWorld extends AsyncDisposable {
  readonly sql: pg.Client;
  /** Resolves when it serves. */
  start(namespace: string): Promise<void>;
  stop(): Promise<void>;
  pid(): Promise<number>;
  /** The event after which a job waits for its data only. */
  accept(jobId: string): Promise<void>;
  /** The event that makes it a race. */
  split(jobId: string): Promise<void>;
}

const SCHEMA = "scheduler";
const hotkeys = [
  "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
  "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
  "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y",
  "5DAAnrj7VHTznn2AWBemMuyBwZWs6FNFjdyVXUeYum3PTXFy",
];
const file = { key: "bench/file", size: 1n, sha256: "0".repeat(64) };

export async function startScheduler(
  plane: ControlPlane,
  profileDir: string | undefined,
): Promise<SchedulerWorld> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "gradients-bench-scheduler-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const [postgres, nats, s3] = await Promise.all([startPostgres(), startNats(), startS3()]);
  for (const server of [postgres, nats, s3]) cleanup.defer(() => server.stop());
  const databaseUrl = await ensureSchema(postgres.url, {
    schema: SCHEMA,
    role: "bench_scheduler",
    password: crypto.randomUUID(),
  });
  const scheduler = new ServiceProcess({
    name: "scheduler",
    main: fileURLToPath(new URL("../../../../services/scheduler/src/main.ts", import.meta.url)),
    env: {
      ...environment(plane),
      ...doors(nats.url, s3),
      SCHEDULER_DATABASE_URL: databaseUrl,
      ...memorySettings,
      ...(profileDir !== undefined && {
        NODE_OPTIONS: `${memorySettings.NODE_OPTIONS} --cpu-prof --cpu-prof-dir=${profileDir}`,
      }),
    },
    folder,
    onUnplannedEnd: (logTail) => process.stderr.write(`The scheduler ended:\n${logTail}\n`),
  });
  cleanup.defer(() => scheduler.kill());
  const sql = new pg.Client({ connectionString: databaseUrl });
  await sql.connect();
  cleanup.defer(() => sql.end());
  const bus = await connectBus(
    { servers: [nats.url], name: "bench" },
    createLogger({ service: "bench", level: "warn" }),
  );
  cleanup.defer(() => bus.close());
  const publish = async ({
    subject,
    payload,
    eventId,
    type,
    aggregateId,
    source,
  }: ReturnType<typeof event>) => {
    const meta = headers();
    const fields = { id: eventId, type, subject: aggregateId, time: new Date().toISOString(), source };
    for (const [name, value] of Object.entries(fields)) meta.set(`ce-${name}`, value);
    meta.set("ce-specversion", "1.0");
    await bus.jetstream.publish(subject, payload, { headers: meta });
  };
  const owned = cleanup.move();
  return {
    sql,
    start: (namespace) => scheduler.start({ SCHEDULER_FLEET_KUBERNETES_NAMESPACE: namespace }),
    stop: () => scheduler.stop(),
    pid: () => scheduler.pid(),
    accept: (jobId) => publish(event(JobAcceptedSchema, acceptedJob(jobId), { aggregateId: jobId })),
    split: (jobId) => publish(event(SplitCommittedSchema, committedSplit(jobId), { aggregateId: jobId })),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

export const newJobId = () => newId();

/** Limits are those of a cluster that is tuned for it; leases outlast the benchmark, as nobody trains. */
function environment(plane: ControlPlane): Record<string, string> {
  return {
    NODE_COMPILE_CACHE: paths.compileCache,
    SCHEDULER_LOG_LEVEL: "warn",
    SCHEDULER_GRPC_PORT: "0",
    SCHEDULER_RELAY_PORT: "0",
    SCHEDULER_RECIPES_CONTESTANT_HOTKEYS: hotkeys.join(","),
    SCHEDULER_FLEET_KIND: "kubernetes",
    SCHEDULER_FLEET_KUBERNETES_KUBECONFIG: plane.kubeconfig,
    SCHEDULER_FLEET_KUBERNETES_AGENT_IMAGE: fleetConfig.agentImage,
    SCHEDULER_FLEET_KUBERNETES_CLASSES: JSON.stringify(fleetConfig.classes),
    SCHEDULER_FLEET_KUBERNETES_CALLS_PER_SECOND: "500",
    SCHEDULER_FLEET_KUBERNETES_CALL_BURST: "1000",
    SCHEDULER_FLEET_KUBERNETES_MAX_PENDING_PODS: "50000",
    SCHEDULER_ATTEMPTS_LEASE_SECONDS: "3600",
    SCHEDULER_ATTEMPTS_PLACING_LEASE_SECONDS: "3600",
  };
}

function doors(nats: string, s3: Awaited<ReturnType<typeof startS3>>): Record<string, string> {
  return {
    SCHEDULER_NATS_SERVERS: nats,
    SCHEDULER_OBJECTS_ENDPOINT: s3.endpoint,
    SCHEDULER_OBJECTS_REGION: s3.region,
    SCHEDULER_OBJECTS_ACCESS_KEY_ID: s3.accessKeyId,
    SCHEDULER_OBJECTS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
}

function acceptedJob(jobId: string): MessageInitShape<typeof JobAcceptedSchema> {
  return {
    jobId,
    accountId: "bench",
    baseModel: { modelId: "tiny", files: [{ name: "model.safetensors", object: file }], contextLength: 512 },
    dataset: {
      datasetId: "d",
      object: file,
      format: 1,
      columns: { shape: { case: "instruct", value: { instruction: "question", output: "answer" } } },
    },
    contestants: 1,
    budgetSeconds: 600,
    hardwareClass: fleetConfig.classes[0]?.name ?? "",
    maxLength: 128,
  };
}

function committedSplit(jobId: string): MessageInitShape<typeof SplitCommittedSchema> {
  return { jobId, train: file, trainRows: 200, heldoutRows: 20, heldoutCommitment: "00" };
}
