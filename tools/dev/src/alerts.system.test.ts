import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { appendOutbox, type BusTables, event, type OutboxEvent } from "@gradients/bus";
import { JobAcceptedSchema, JobScoredSchema, SplitCommittedSchema } from "@gradients/contracts/event";
import { createDatabase, type Database } from "@gradients/db";
import { newId } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { freePorts } from "@gradients/testkit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { paths } from "../../setup/paths.mjs";
import { newApiKey } from "./api-key.ts";
import { type Servers, startServers } from "./servers.ts";
import { type Environment, type ServiceName, serviceEnvironments } from "./service-environments.ts";
import { hasPrometheus, type Prometheus, startPrometheus } from "./testing/prometheus.ts";
import { type SpawnedService, spawnService } from "./testing/service-process.ts";

const logger = createLogger({ service: "test", level: "error" });
const NOWHERE = "127.0.0.1:1";

describe.skipIf(!hasPrometheus)("each alert fires on a real fault, as a real Prometheus sees it", () => {
  const cleanup = new AsyncDisposableStack();
  let servers: Servers;
  let prometheus: Prometheus;
  const ports = {} as Record<ServiceName, number>;
  const environments = {} as Record<ServiceName, Environment>;
  const services = {} as Record<ServiceName, SpawnedService>;
  const databases = {} as Record<"gateway" | "chain-bridge", Database<BusTables>>;

  beforeAll(async () => {
    servers = cleanup.use(await startServers());
    const folder = await mkdtemp(join(paths.scratch, "gradients-alerts-"));
    cleanup.defer(() => rm(folder, { recursive: true, force: true }));
    Object.assign(environments, await environmentsOf(servers, folder));
    const [gateway = 0, scheduler = 0, scorer = 0, bridge = 0] = await freePorts(4);
    Object.assign(ports, { gateway, scheduler, scorer, "chain-bridge": bridge });
    await Promise.all((["gateway", "scheduler", "chain-bridge"] as const).map((name) => start(name).started));
    for (const name of ["gateway", "chain-bridge"] as const) databases[name] = openDatabase(name);
    const targets = Object.entries(ports).map(([name, port]) => [name, `127.0.0.1:${port}`]);
    prometheus = cleanup.use(await startPrometheus(Object.fromEntries(targets)));
  });

  afterAll(() => cleanup.disposeAsync());

  test("nothing fires while all is well, but for the one service that does not run", async () => {
    await vi.waitFor(async () => expect(await prometheus.query("up == 1")).toHaveLength(3), {
      timeout: 20_000,
    });
    await fires("ServiceDown");
    expect(await prometheus.firing()).toEqual(["ServiceDown"]);
  });

  test("ServiceNotReady: it runs, and the bus is not there at its start", async () => {
    start("scorer", { SCORER_NATS_SERVERS: NOWHERE }).started.catch(() => {}); // it never does
    await fires("ServiceNotReady");
    expect(await prometheus.firing()).not.toContain("ServiceDown");
  });

  test("AttemptsFailing: pods that die at once", async () => {
    const jobId = newId();
    const file = {
      name: "model.safetensors",
      object: { key: "models/m/f", size: 1n, sha256: "0".repeat(64) },
    };
    const order = {
      jobId,
      contestants: 2,
      budgetSeconds: 5,
      hardwareClass: "local",
      maxLength: 128,
      baseModel: { modelId: "m", files: [file], contextLength: 512 },
      dataset: { datasetId: "d", object: file.object, format: 1, columns },
    };
    const split = { jobId, train: file.object, trainRows: 200, heldoutRows: 20, heldoutCommitment: "00" };
    await publish(
      event(JobAcceptedSchema, order, { aggregateId: jobId }),
      event(SplitCommittedSchema, split, { aggregateId: jobId }),
    );
    await fires("AttemptsFailing");
  });

  test("DeadLetters and ConsumerLag: events that nobody can read, and a table that holds up the one who puts them aside", async () => {
    const lock = await databases["chain-bridge"].openClient("lock");
    await lock.query("begin");
    await lock.query("lock table dead_letter in share row exclusive mode");
    await publish(...Array.from({ length: 1_200 }, unreadable));
    await fires("DeadLetters");
    await fires("ConsumerLag");
    await lock.end();
  });

  test("BusDisconnected and OutboxBacklog: NATS is away", async () => {
    await servers.nats.stop();
    await fires("BusDisconnected");
    await publish(unreadable());
    await change(
      "gateway",
      "update outbox set created_at = now() - interval '2 minutes' where published_at is null",
    );
    await fires("OutboxBacklog");
  });

  test("ChainStuck, WeightsStale and WeightsNearInactivity: the chain finalizes nothing", async () => {
    const finalized =
      "update weight_submission set updated_at = now() - interval '14 hours' where state = 'finalized'";
    await vi.waitFor(async () => expect(await change("chain-bridge", finalized)).toBeGreaterThan(0), {
      timeout: 30_000,
    });
    servers.chain.control.stallFinality();
    await new Promise((resolve) => setTimeout(resolve, 1_000)); // what was final already is booked
    await change("chain-bridge", finalized);
    await change("chain-bridge", "update chain_cursor set updated_at = now() - interval '10 minutes'");
    for (const alert of ["ChainStuck", "WeightsStale", "WeightsNearInactivity"]) await fires(alert);
  });

  test("ServiceDown: the process was killed", async () => {
    expect(await prometheus.firing()).not.toContain("ServiceDown");
    await services.gateway.kill();
    await fires("ServiceDown");
  });

  function start(name: ServiceName, extra: Environment = {}): SpawnedService {
    const metrics = {
      OTEL_METRICS_EXPORTER: "prometheus",
      OTEL_EXPORTER_PROMETHEUS_HOST: "127.0.0.1",
      OTEL_EXPORTER_PROMETHEUS_PORT: String(ports[name]),
    };
    const service = spawnService(name, { ...environments[name], ...metrics, ...extra });
    cleanup.defer(() => service.kill());
    services[name] = service;
    return service;
  }

  function openDatabase(name: "gateway" | "chain-bridge"): Database<BusTables> {
    const schema = name.replace("-", "_");
    const url = environments[name][`${schema.toUpperCase()}_DATABASE_URL`] ?? "";
    const db = createDatabase<BusTables>({ url, schema, applicationName: "alerts", poolSize: 2 }, logger);
    cleanup.defer(() => db.close());
    return db;
  }

  /** As the gateway does it; its relay sends them. */
  function publish(...events: readonly OutboxEvent[]): Promise<void> {
    return databases.gateway.tx((tx) => appendOutbox(tx, events));
  }

  /** Time that a test does not wait for. Returns the number of rows. */
  async function change(name: "gateway" | "chain-bridge", statement: string): Promise<number> {
    const client = await databases[name].openClient("change");
    const { rowCount } = await client.query(statement);
    await client.end();
    return rowCount ?? 0;
  }

  async function fires(alert: string): Promise<void> {
    await vi.waitFor(async () => expect(await prometheus.firing()).toContain(alert), {
      timeout: 40_000,
      interval: 250,
    });
  }
});

const columns = {
  shape: { case: "instruct", value: { instruction: "question", output: "answer" } },
} as const;

function unreadable(): OutboxEvent {
  return { ...event(JobScoredSchema, {}, { aggregateId: newId() }), payload: Buffer.from([0xff]) };
}

async function environmentsOf(servers: Servers, folder: string): Promise<Record<ServiceName, Environment>> {
  const agent = join(folder, "agent.mjs");
  await writeFile(agent, "process.exit(1);");
  const environment = await serviceEnvironments({
    servers,
    scratchDir: folder,
    bootstrapKey: newApiKey(),
    logLevel: "error",
    ports: { http: 0, grpc: 0 },
  });
  return {
    gateway: environment("gateway", NOWHERE),
    scheduler: { ...environment("scheduler", NOWHERE), SCHEDULER_FLEET_AGENT: agent },
    scorer: environment("scorer", NOWHERE),
    "chain-bridge": environment("chain-bridge", NOWHERE),
  };
}
