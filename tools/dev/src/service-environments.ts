import { join } from "node:path";
import { ensureSchema } from "@gradients/db";
import { paths } from "../../setup/paths.mjs";
import type { Servers } from "./servers.ts";

export type ServiceName = "gateway" | "scheduler" | "scorer" | "chain-bridge";
export type Environment = Readonly<Record<string, string>>;

export interface EnvironmentOptions {
  readonly servers: Servers;
  /** Folder for pods and other passing files. */
  readonly scratchDir: string;
  readonly bootstrapKey: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** Ports of the public doors; 0 takes free ones. */
  readonly ports: { readonly http: number; readonly grpc: number };
}

/** Seconds between two checkpoints: a demo's training is short. */
const CHECKPOINT_SECONDS = "30";
/** When this process was killed, its trainers end by themselves after that long. */
const RELAY_LOST_SECONDS = "15";
/** What trainers get to save when this process ends. */
const STOP_GRACE_SECONDS = "20";
/** Held-out rows at most: enough to tell recipes apart, few enough to score four models on a laptop within a minute. */
const HELDOUT_ROWS = "64";
/** Held-out rows that are answered in full, for the exact match and the samples. */
const ANSWERED_ROWS = "16";
/** Longest generated answer. */
const ANSWER_TOKENS = "64";

/**
 * The environment that each service would be started with by `npm start -w @gradients/<name>` on these servers. Every service gets a
 * Postgres schema and a role of its own.
 */
export async function serviceEnvironments(
  options: EnvironmentOptions,
): Promise<(name: ServiceName, schedulerTarget: string) => Environment> {
  const { servers } = options;
  const urls = new Map<string, string>();
  for (const name of ["gateway", "scheduler", "scorer", "chain-bridge"]) {
    const schema = name.replace("-", "_");
    urls.set(
      name,
      await ensureSchema(servers.postgres.url, {
        schema,
        role: `gradients_${schema}`,
        password: crypto.randomUUID(),
      }),
    );
  }
  return (name, schedulerTarget) => ({
    ...common(name, urls.get(name) ?? "", options),
    ...own(name, schedulerTarget, options),
  });
}

function common(
  name: ServiceName,
  databaseUrl: string,
  { servers: { nats, s3 }, logLevel }: EnvironmentOptions,
): Environment {
  const prefix = prefixOf(name);
  const settings: Record<string, string> = {
    LOG_LEVEL: logLevel,
    GRPC_PORT: "0",
    DATABASE_URL: databaseUrl,
    NATS_SERVERS: nats.url,
    OBJECTS_ENDPOINT: s3.endpoint,
    OBJECTS_REGION: s3.region,
    OBJECTS_BUCKET: "gradients",
    OBJECTS_ACCESS_KEY_ID: s3.accessKeyId,
    OBJECTS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [`${prefix}_${key}`, value]));
}

function own(
  name: ServiceName,
  schedulerTarget: string,
  { servers, scratchDir, bootstrapKey, ports }: EnvironmentOptions,
): Environment {
  switch (name) {
    case "gateway":
      return {
        GATEWAY_GRPC_PORT: String(ports.grpc),
        GATEWAY_HTTP_PORT: String(ports.http),
        GATEWAY_SCHEDULER_TARGET: schedulerTarget,
        GATEWAY_SAMPLE_DATASET: paths.dataset,
        GATEWAY_WEB_ROOT: paths.webDist,
        GATEWAY_BOOTSTRAP_KEY: bootstrapKey,
      };
    case "scheduler":
      return {
        SCHEDULER_RELAY_PORT: "0",
        SCHEDULER_RECIPES_CONTESTANT_HOTKEYS: servers.chain.accounts.contestants
          .map(({ hotkey }) => hotkey)
          .join(","),
        SCHEDULER_FLEET_DIR: join(scratchDir, "fleet"),
        SCHEDULER_FLEET_CACHE_DIR: join(paths.cache, "objects"),
        SCHEDULER_FLEET_PYTHON: paths.pythonBin,
        SCHEDULER_FLEET_POD_ENVIRONMENT: JSON.stringify({
          TRAINER_GPU_RELAY_LOST_SECONDS: RELAY_LOST_SECONDS,
          NODE_COMPILE_CACHE: paths.compileCache,
        }),
        SCHEDULER_ATTEMPTS_CHECKPOINT_SECONDS: CHECKPOINT_SECONDS,
        SCHEDULER_ATTEMPTS_STOP_GRACE_SECONDS: STOP_GRACE_SECONDS,
      };
    case "scorer":
      return {
        SCORER_HELDOUT_ROWS_MAX: HELDOUT_ROWS,
        SCORER_GENERATE_ROWS: ANSWERED_ROWS,
        SCORER_MAX_NEW_TOKENS: ANSWER_TOKENS,
        SCORER_WORK_FOLDER: join(scratchDir, "scorer"),
      };
    case "chain-bridge":
      return {
        CHAIN_BRIDGE_ENDPOINTS: servers.chain.url,
        CHAIN_BRIDGE_NETUID: String(servers.chain.netuid),
        CHAIN_BRIDGE_HOTKEY: servers.chain.accounts.validator.hotkeyUri,
      };
  }
}

function prefixOf(name: ServiceName): string {
  return name.toUpperCase().replaceAll("-", "_");
}
