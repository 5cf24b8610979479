import {
  type Bus,
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
import { systemClock } from "@gradients/kernel";
import { createRpcPart } from "@gradients/rpc";
import {
  composeService,
  createGaugesPart,
  createLogger,
  type Logger,
  type Part,
  type Service,
} from "@gradients/runtime";
import { createChainPart } from "./app/follow-chain.ts";
import { createHotkeySigner, type HotkeySigner } from "./chain/hotkey-signer.ts";
import { connectSubtensor } from "./chain/subtensor-chain.ts";
import type { ChainBridgeConfig } from "./config.ts";
import type { ConnectChain, Deps } from "./deps.ts";
import { eventHandlers } from "./events/index.ts";
import { chainBinding } from "./grpc/index.ts";
import { chainGauges, createObserve } from "./observe.ts";
import { invariants } from "./store/invariants.ts";
import { migrations } from "./store/migrations/index.ts";
import type { BridgeDatabase, Tables } from "./store/schema.ts";

export interface ChainBridgeOverrides {
  readonly logger?: Logger;
  /** Another way to the chain than a subtensor node's WebSocket. */
  readonly connect?: ConnectChain;
}

/** Weights out, rewards in. Address: `grpc`. */
export async function createChainBridge(
  config: ChainBridgeConfig,
  overrides: ChainBridgeOverrides = {},
): Promise<Service> {
  const logger = overrides.logger ?? createLogger({ service: "chain-bridge", level: config.logLevel });
  const signer = await createSigner(config);
  const db = createDatabase<Tables>(databaseOptions(config), logger);
  const bus = await connectBus(busOptions(config), logger);
  const deps: Deps = {
    config,
    db,
    logger,
    signer,
    observe: createObserve(logger),
    clock: systemClock,
    connect: overrides.connect ?? ((endpoint, signal) => connectSubtensor({ ...config, endpoint }, signal)),
    link: { current: undefined },
  };
  return composeService({ name: "chain-bridge", logger, parts: partsOf(deps, bus) });
}

export function databaseOptions({ database }: ChainBridgeConfig): DatabaseOptions {
  return { ...database, applicationName: "chain-bridge" };
}

export function busOptions({ nats }: ChainBridgeConfig): BusOptions {
  return { ...nats, name: "chain-bridge" };
}

async function createSigner({ mode, hotkey }: ChainBridgeConfig): Promise<HotkeySigner | undefined> {
  return mode === "active" && hotkey !== undefined ? createHotkeySigner(hotkey) : undefined;
}

function partsOf(deps: Deps, bus: Bus): readonly Part[] {
  const { config, db, logger } = deps;
  const rpcLogger = logger.child({ part: "rpc" });
  return [
    databasePart(db),
    busPart(bus),
    createOutboxRelay({ db, bus, logger, service: "chain-bridge" }),
    createGaugesPart(chainGauges(deps)),
    createInvariantChecker({ db, logger, service: "chain-bridge", invariants, rules: config.invariants }),
    createChainPart(deps),
    createRpcPart({
      bindings: [chainBinding(deps)],
      listen: config.grpc,
      logger: rpcLogger,
      isOutage,
      reflection: true,
    }),
    createConsumer({
      service: "chain-bridge",
      db,
      bus,
      logger,
      handlers: eventHandlers(deps),
      concurrency: 2,
    }),
  ];
}

function databasePart(db: BridgeDatabase): Part {
  return {
    name: "database",
    start: async () => void (await migrate(db, migrations)),
    stop: () => db.close(),
  };
}

function busPart(bus: Bus): Part {
  return { name: "bus", start: () => ensureStreams(bus), stop: () => bus.close() };
}
