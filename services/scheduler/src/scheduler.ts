import {
  type BusOptions,
  connectBus,
  createConsumer,
  createOutboxRelay,
  ensureStreams,
} from "@gradients/bus";
import {
  createDatabase,
  createInvariantChecker,
  type DatabaseOptions,
  isOutage,
  migrate,
} from "@gradients/db";
import { createObjectStore } from "@gradients/objects";
import { createRpcPart, type RpcBinding } from "@gradients/rpc";
import {
  composeService,
  createGaugesPart,
  createLogger,
  type Logger,
  type Part,
  type Service,
} from "@gradients/runtime";
import { createControlLoop } from "./app/control-loop.ts";
import type { SchedulerConfig } from "./config.ts";
import { createFleet } from "./create-fleet.ts";
import type { Deps } from "./deps.ts";
import type { AdmissionRules } from "./domain/admission-rules.ts";
import { eventHandlers } from "./events/index.ts";
import type { GpuFleet } from "./fleet/gpu-fleet.ts";
import { authenticateAgent } from "./grpc/authenticate-agent.ts";
import { relayBinding, schedulerBinding } from "./grpc/index.ts";
import { attemptGauges, createObserve } from "./observe.ts";
import { type CatalogueOptions, readCatalogue } from "./read-catalogue.ts";
import { invariants } from "./store/invariants.ts";
import { migrations } from "./store/migrations/index.ts";
import type { Tables } from "./store/schema.ts";

export { loadConfig } from "./config.ts";

export interface SchedulerOverrides {
  readonly logger?: Logger;
}

/** Turns jobs into attempts and keeps them going. Addresses: `grpc` for other services, `relay` for pods. */
export async function createScheduler(
  config: SchedulerConfig,
  overrides: SchedulerOverrides = {},
): Promise<Service> {
  const logger = overrides.logger ?? createLogger({ service: "scheduler", level: config.logLevel });
  const catalogue = readCatalogue(catalogueOptions(config));
  const db = createDatabase<Tables>(databaseOptions(config), logger);
  const bus = await connectBus(busOptions(config), logger);
  const { fleet, leadership, backpressure } = createFleet(config, db, logger);
  const deps: Deps = {
    db,
    bus,
    catalogue,
    objects: createObjectStore(objectOptions(config)),
    fleet,
    admission: admissionRules(config),
    rules: config.attempts,
    limits: { ...config.uploads, checkpointSeconds: config.attempts.checkpointSeconds },
    observe: createObserve(logger, fleet.classes),
  };
  const relay = createRelay(config, deps, logger);
  const parts = [
    connectionsPart(deps),
    preparationPart(deps),
    createOutboxRelay({ db, bus, logger, service: "scheduler" }),
    createGaugesPart(attemptGauges(db, logger)),
    createInvariantChecker({ db, logger, service: "scheduler", invariants, rules: config.invariants }),
    relay.part,
    fleetPart(deps.fleet, config),
    createControlLoop(deps, {
      ...config.attempts,
      leaveSeconds: 10,
      logger,
      leadership,
      backpressure,
      relayTarget: relay.target,
    }),
    rpcPart("grpc", config.grpc, [schedulerBinding(deps)], logger),
    createConsumer({ service: "scheduler", db, bus, logger, handlers: eventHandlers(deps) }),
  ];
  return composeService({ name: "scheduler", logger, parts });
}

export function databaseOptions({ database }: SchedulerConfig): DatabaseOptions {
  return { ...database, applicationName: "scheduler" };
}

export function busOptions({ nats }: SchedulerConfig): BusOptions {
  return { ...nats, name: "scheduler" };
}

function catalogueOptions({ recipes, fleet }: SchedulerConfig): CatalogueOptions {
  const { file, contestantHotkeys: hotkeys, imageRegistries: registries } = recipes;
  return { file, hotkeys, images: { registries, runsImages: fleet.kind === "kubernetes" } };
}

function objectOptions({ objects: { publicEndpoint, ...objects } }: SchedulerConfig) {
  return publicEndpoint === undefined ? objects : { ...objects, publicEndpoint };
}

function admissionRules({ admission }: SchedulerConfig): AdmissionRules {
  const { accounts, priority, weight, maxSlots = null, patienceSeconds, pools } = admission;
  return { accounts, common: { priority, weight, maxSlots }, patienceSeconds, pools };
}

/** First in the list, so that everything is closed whatever fails to start after it. */
function connectionsPart({ db, bus, objects }: Deps): Part {
  return {
    name: "connections",
    stop: async () => {
      objects.close();
      await bus.close();
      await db.close();
    },
  };
}

function preparationPart({ db, bus, objects }: Deps): Part {
  return {
    name: "schema, streams and bucket",
    start: async () => {
      await migrate(db, migrations);
      await ensureStreams(bus);
      await objects.ensureBucket();
    },
  };
}

/** Stops before the relay does, so that agents can still report what they have saved, and after the control loop, which would start them again. */
function fleetPart(pods: GpuFleet, { fleet, attempts }: SchedulerConfig): Part {
  const stopTimeoutMs = (attempts.stopGraceSeconds + 5) * 1000;
  return {
    name: "fleet",
    start: () => pods.open(),
    stop: () => pods.close({ stopPods: fleet.stopPodsOnExit }),
    stopTimeoutMs,
  };
}

function createRelay({ relay }: SchedulerConfig, deps: Deps, logger: Logger) {
  let target = relay.target;
  const part = rpcPart("relay", relay, [relayBinding(deps)], logger, authenticateAgent(deps.db));
  return {
    target: () => {
      if (target === undefined) throw new Error("The relay does not listen yet");
      return target;
    },
    part: {
      ...part,
      start: async () => {
        const addresses = await part.start?.();
        target ??= addresses?.["relay"];
        return addresses;
      },
    } satisfies Part,
  };
}

function rpcPart(
  name: "grpc" | "relay",
  listen: { readonly host: string; readonly port: number },
  bindings: readonly RpcBinding[],
  logger: Logger,
  authenticate?: ReturnType<typeof authenticateAgent>,
): Part {
  const options = {
    bindings,
    listen,
    logger: logger.child({ part: name }),
    isOutage,
    reflection: name === "grpc",
  };
  const part = createRpcPart(authenticate ? { ...options, authenticate } : options);
  return {
    ...part,
    name,
    start: async () => ({ [name]: (await part.start?.())?.["grpc"] ?? "" }),
  };
}
