import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePorts } from "@gradients/testkit";
import { paths } from "../../../setup/paths.mjs";
import { Customer } from "../customer.ts";
import type { Environment } from "../service-process.ts";
import { type ServiceName, type System, serviceNames, startSystem } from "../system.ts";
import { withClient } from "../with-client.ts";
import { type Prometheus, startPrometheus } from "./prometheus.ts";

/** The whole product with a Prometheus that watches it as in production. */
export interface WatchedSystem extends AsyncDisposable {
  readonly system: System;
  /** Not prepared yet. */
  readonly customer: Customer;
  readonly prometheus: Prometheus;
  /** From now on a pod's agent dies at once, or does nothing for ever. */
  podsDo(what: "die" | "hang"): Promise<void>;
  /** A statement as the owner of the database. Returns the number of rows. */
  sql(statement: string): Promise<number>;
}

const agents = { die: "process.exit(1);", hang: "setInterval(() => {}, 1_000);" };

/** Rows are checked every second instead of every minute, no attempt is placed anew, and pods that hang keep their place. */
export async function startWatchedSystem(logs?: string): Promise<WatchedSystem> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(paths.scratch, "gradients-alerts-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const agentFile = join(folder, "agent.mjs");
  const podsDo = (what: "die" | "hang") => writeFile(agentFile, agents[what]);
  await podsDo("die");
  const free = await freePorts(serviceNames.length);
  const ports = Object.fromEntries(serviceNames.map((name, place) => [name, free[place] ?? 0]));
  const env = Object.fromEntries(
    serviceNames.map((name) => [name, environmentOf(name, ports[name] ?? 0, agentFile)]),
  );
  const system = cleanup.use(await startSystem({ env, ...(logs && { folder: logs }) }));
  const targets = serviceNames.map((name) => [name, `127.0.0.1:${ports[name]}`]);
  const prometheus = cleanup.use(await startPrometheus(Object.fromEntries(targets)));
  const customer = cleanup.use(new Customer(system));
  const owned = cleanup.move();
  return {
    system,
    customer,
    prometheus,
    podsDo,
    sql: (statement) =>
      withClient(
        system.servers.postgres.url,
        async (client) => (await client.query(statement)).rowCount ?? 0,
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function environmentOf(name: ServiceName, port: number, agentFile: string): Environment {
  return {
    NODE_OPTIONS: `--import=${import.meta.resolve("@gradients/runtime/telemetry")}`,
    OTEL_METRICS_EXPORTER: "prometheus",
    OTEL_EXPORTER_PROMETHEUS_HOST: "127.0.0.1",
    OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
    [`${name.toUpperCase().replace("-", "_")}_INVARIANTS_EVERY_SECONDS`]: "1",
    ...(name === "scheduler" && {
      SCHEDULER_FLEET_AGENT: agentFile,
      SCHEDULER_ATTEMPTS_MAX_RETRIES: "0",
      SCHEDULER_ATTEMPTS_PLACING_LEASE_SECONDS: "600",
    }),
  };
}
