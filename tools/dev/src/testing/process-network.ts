import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Addresses } from "@gradients/runtime";
import { freePorts } from "@gradients/testkit";
import { paths } from "../../../setup/paths.mjs";
import { newApiKey } from "../api-key.ts";
import { type Servers, startServers } from "../servers.ts";
import { type Environment, type ServiceName, serviceEnvironments } from "../service-environments.ts";
import { offerTinyModel } from "./offer-tiny-model.ts";
import { type SpawnedService, spawnService } from "./service-process.ts";

/** The whole product as it runs in production: each service a process of its own. The model is so small that a race takes seconds. */
export interface ProcessNetwork extends AsyncDisposable {
  readonly servers: Servers;
  readonly addresses: Readonly<Record<ServiceName, Addresses>>;
  /** Where each service shows its metrics. */
  readonly metrics: Readonly<Record<ServiceName, string>>;
  readonly apiKey: string;
  /** Orderly, so that what they have to export leaves with them. */
  stopServices(): Promise<void>;
}

const names = ["scheduler", "scorer", "chain-bridge", "gateway"] as const;

/** `otlpEndpoint` is where all processes send their telemetry, pods included. */
export async function startProcessNetwork(otlpEndpoint: string): Promise<ProcessNetwork> {
  await using cleanup = new AsyncDisposableStack();
  const servers = cleanup.use(await startServers());
  const scratchDir = await mkdtemp(join(paths.scratch, "gradients-processes-"));
  cleanup.defer(() => rm(scratchDir, { recursive: true, force: true }));
  const apiKey = newApiKey();
  const environment = await serviceEnvironments({
    servers,
    scratchDir,
    bootstrapKey: apiKey,
    logLevel: "info",
    ports: { http: 0, grpc: 0 },
  });
  const otel = telemetryEnvironment(otlpEndpoint);
  const ports = await freePorts(names.length);
  const processes: SpawnedService[] = [];
  const addresses = {} as Record<ServiceName, Addresses>;
  const metrics = {} as Record<ServiceName, string>;
  let gatewayEnvironment: Environment = {};
  for (const [place, name] of names.entries()) {
    const port = String(ports[place]);
    const env = {
      ...environment(name, addresses.scheduler?.["grpc"] ?? ""),
      ...(name === "scheduler" ? { SCHEDULER_FLEET_POD_ENVIRONMENT: JSON.stringify(otel) } : {}),
      ...otel,
      OTEL_METRICS_EXPORTER: "prometheus",
      OTEL_EXPORTER_PROMETHEUS_HOST: "127.0.0.1",
      OTEL_EXPORTER_PROMETHEUS_PORT: port,
    };
    const service = spawnService(name, env);
    cleanup.defer(() => service.stop());
    processes.push(service);
    addresses[name] = await service.started;
    metrics[name] = `http://127.0.0.1:${port}/metrics`;
    if (name === "gateway") gatewayEnvironment = env;
  }
  await offerTinyModel(
    gatewayEnvironment,
    join(scratchDir, "model"),
    `tiny-${randomBytes(4).toString("hex")}`,
  );
  const owned = cleanup.move();
  return {
    servers,
    addresses,
    metrics,
    apiKey,
    stopServices: async () => {
      for (const service of processes.toReversed()) await service.stop();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function telemetryEnvironment(endpoint: string): Environment {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    OTEL_BSP_SCHEDULE_DELAY: "200",
    OTEL_BLRP_SCHEDULE_DELAY: "200",
    NODE_COMPILE_CACHE: paths.compileCache,
  };
}
