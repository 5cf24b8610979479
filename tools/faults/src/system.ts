import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newApiKey } from "@gradients/dev/api-key";
import { createServerControl, type ServerControl } from "@gradients/dev/server-control";
import { type Servers, startServers } from "@gradients/dev/servers";
import { serviceEnvironments } from "@gradients/dev/service-environments";
import { offerTinyModel } from "@gradients/dev/testing/offer-tiny-model";
import { freePorts } from "@gradients/testkit";
import { paths } from "../../setup/paths.mjs";
import { History } from "./history.ts";
import { leftovers } from "./leftovers.ts";
import { killPods } from "./pods.ts";
import { openS3Door, type S3Door } from "./s3-door.ts";
import { type Environment, ServiceProcess } from "./service-process.ts";
import { mountSmallDisk } from "./small-disk.ts";
import type { Violation } from "./violation.ts";

export const serviceNames = ["scheduler", "scorer", "chain-bridge", "gateway"] as const;
export type ServiceName = (typeof serviceNames)[number];
/** Services and trainers. */
export type ProgramName = ServiceName | "trainer-gpu";

export interface SystemOptions {
  /** More variables of a service, for each of its starts. */
  readonly env?: Partial<Record<ServiceName, Environment>>;
  /** More variables of every pod. */
  readonly podEnv?: Environment;
  /** The clocks of services and trainers can be set off. */
  readonly shiftableClocks?: boolean;
  /** The pods' folder is a small disk that can be filled. */
  readonly smallFleetDisk?: boolean;
  /** Where history and logs go and stay; a passing folder if absent. */
  readonly folder?: string;
}

/** The whole product with each service in a process of its own, made for being broken. */
export interface System extends AsyncDisposable {
  readonly servers: Servers;
  readonly control: ServerControl;
  /** Through which services and pods reach the S3 server. */
  readonly s3Door: S3Door;
  readonly services: Readonly<Record<ServiceName, ServiceProcess>>;
  /** A second scheduler on the same records and pods, not started. */
  readonly spareScheduler: ServiceProcess;
  readonly history: History;
  /** gRPC doors, the same over restarts. */
  readonly targets: Readonly<Record<ServiceName, string>>;
  readonly apiKey: string;
  readonly model: string;
  readonly fleetDir: string;
  readonly unplannedEnds: readonly UnplannedEnd[];
  /** What every pod gets from the scheduler's configuration. */
  readonly podEnvironment: Environment;
  /** Where logs and the history are. */
  readonly logs: string;
  /** What must not be there once the last job has ended. */
  leftovers(): Promise<readonly Violation[]>;
  /** SIGKILL; it stays down until it is started. */
  kill(service: ServiceName): Promise<void>;
  /** `env` holds for this start alone. */
  restart(service: ServiceName, env?: Environment): Promise<void>;
}

interface UnplannedEnd {
  readonly service: ServiceName;
  readonly logTail: string;
}

const MODEL_ID = "tiny";

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(paths.scratch, "gradients-faults-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o711); // PostgreSQL's own user passes through to its data
  const logs = options.folder ?? join(folder, "logs");
  await mkdir(logs, { recursive: true });
  const history = new History(join(logs, "history.ndjson"));
  const folders = await serverFolders(folder);
  const servers = cleanup.use(await startServers(folders));
  const control = cleanup.use(createServerControl(servers, folders));
  const s3Door = cleanup.use(await openS3Door(servers.s3.endpoint));
  const apiKey = newApiKey();
  const fleetDir = join(folder, "fleet");
  if (options.smallFleetDisk) cleanup.defer(await mountSmallDisk(fleetDir));
  cleanup.defer(() => killPods(fleetDir));
  const podEnvironment = {
    TRAINER_GPU_RELAY_LOST_SECONDS: "30",
    NODE_COMPILE_CACHE: paths.compileCache,
    ...(options.shiftableClocks && clockOf(logs, "trainer-gpu")),
    ...options.podEnv,
  };
  const { environments, targets } = await environmentsOf({
    servers: { ...servers, s3: { ...servers.s3, endpoint: s3Door.endpoint } },
    folder,
    apiKey,
    podEnvironment,
    options,
  });
  await offerTinyModel(environments.gateway, join(folder, "model"), MODEL_ID);
  const unplannedEnds: UnplannedEnd[] = [];
  const make = (service: ServiceName, name: string = service, extra: Environment = {}) =>
    new ServiceProcess({
      name,
      main: mainOf(service),
      env: { ...environments[service], ...(options.shiftableClocks && clockOf(logs, service)), ...extra },
      folder: logs,
      onUnplannedEnd: (logTail) => {
        unplannedEnds.push({ service, logTail });
        history.record({ process: service, op: "unplanned end", type: "info", key: "", value: logTail });
      },
    });
  const services = Object.fromEntries(serviceNames.map((name) => [name, make(name)])) as System["services"];
  const spareScheduler = make("scheduler", "scheduler-spare", {
    SCHEDULER_GRPC_PORT: "0",
    SCHEDULER_RELAY_PORT: "0",
  });
  const processes = [...Object.values(services), spareScheduler];
  cleanup.defer(async () => void (await Promise.all(processes.map((one) => one.kill()))));
  await Promise.all(serviceNames.map((name) => services[name].start()));
  const owned = cleanup.move();
  return {
    servers,
    control,
    s3Door,
    services,
    spareScheduler,
    history,
    targets,
    apiKey,
    model: `models/${MODEL_ID}`,
    fleetDir,
    unplannedEnds,
    podEnvironment,
    logs,
    leftovers: () => leftovers({ servers, fleetDir, scorerDir: join(folder, "scorer") }),
    kill: (name) => services[name].kill(),
    restart: async (name, env) => {
      await services[name].kill();
      await services[name].start(env);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Takes effect within a moment; a service that starts later has it as well. */
export async function setClockOff({ logs }: System, program: ProgramName, seconds: number): Promise<void> {
  await writeFile(clockFile(logs, program), String(seconds));
}

function clockOf(logs: string, program: ProgramName): Environment {
  const preload = new URL("./shifted-clock.mjs", import.meta.url).href;
  return { NODE_OPTIONS: `--import=${preload}`, GRADIENTS_CLOCK_FILE: clockFile(logs, program) };
}

function clockFile(logs: string, program: ProgramName): string {
  return join(logs, `${program}.clock`);
}

/** Kept apart, so that a server can be stopped and started again with what it had, or without. */
async function serverFolders(folder: string) {
  const made = { postgres: join(folder, "postgres"), nats: join(folder, "nats"), s3: join(folder, "s3") };
  for (const path of Object.values(made)) await mkdir(path);
  return made;
}

function mainOf(service: ServiceName): string {
  return fileURLToPath(new URL(`../../../services/${service}/src/main.ts`, import.meta.url));
}

interface Setting {
  readonly servers: Servers;
  readonly folder: string;
  readonly apiKey: string;
  readonly podEnvironment: Environment;
  readonly options: SystemOptions;
}

/** The variable of the scheduler that says so. */
export function podEnvironmentVariable(environment: Environment): Environment {
  return { SCHEDULER_FLEET_POD_ENVIRONMENT: JSON.stringify(environment) };
}

/** Doors are the same over restarts; budgets, leases and pauses are short, so that a job takes seconds; invariants are looked at often. */
async function environmentsOf({ servers, folder, apiKey, podEnvironment, options }: Setting) {
  const [gateway = 0, scheduler = 0, relay = 0, scorer = 0, bridge = 0] = await freePorts(5);
  const base = await serviceEnvironments({
    servers,
    scratchDir: folder,
    bootstrapKey: apiKey,
    logLevel: "warn",
    ports: { http: 0, grpc: gateway },
  });
  const own: Record<ServiceName, Environment> = {
    gateway: { GATEWAY_JOBS_MIN_BUDGET_SECONDS: "1", GATEWAY_UPLOADS_TIMEOUT_SECONDS: "20" },
    scheduler: {
      SCHEDULER_GRPC_PORT: String(scheduler),
      SCHEDULER_RELAY_PORT: String(relay),
      SCHEDULER_FLEET_CACHE_DIR: join(folder, "cache"),
      SCHEDULER_FLEET_CLASSES: JSON.stringify([
        { name: "local", description: "Processes of a fault run", slots: 3, threadsPerSlot: 1 },
      ]),
      ...podEnvironmentVariable(podEnvironment),
      SCHEDULER_ATTEMPTS_MAX_RETRIES: "20",
      SCHEDULER_ATTEMPTS_RETRY_DELAYS_SECONDS: "[0]",
      SCHEDULER_ATTEMPTS_CHECKPOINT_SECONDS: "1",
      SCHEDULER_ATTEMPTS_STOP_GRACE_SECONDS: "5",
    },
    scorer: {
      SCORER_GRPC_PORT: String(scorer),
      SCORER_HELDOUT_ROWS_MIN: "8",
      SCORER_HELDOUT_ROWS_MAX: "16",
      SCORER_GENERATE_ROWS: "1",
      SCORER_MAX_NEW_TOKENS: "4",
      SCORER_TASKS_LEASE_SECONDS: "3",
    },
    "chain-bridge": { CHAIN_BRIDGE_GRPC_PORT: String(bridge) },
  };
  const environmentOf = (name: ServiceName): Environment => ({
    NODE_COMPILE_CACHE: paths.compileCache,
    [`${name.toUpperCase().replace("-", "_")}_INVARIANTS_EVERY_SECONDS`]: "10",
    ...base(name, `127.0.0.1:${scheduler}`),
    ...own[name],
    ...options.env?.[name],
  });
  const environments = Object.fromEntries(serviceNames.map((name) => [name, environmentOf(name)])) as Record<
    ServiceName,
    Environment
  >;
  const at = (port: number) => `127.0.0.1:${port}`;
  const targets = {
    gateway: at(gateway),
    scheduler: at(scheduler),
    scorer: at(scorer),
    "chain-bridge": at(bridge),
  };
  return { environments, targets };
}
