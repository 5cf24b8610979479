import { deadLettersCommand } from "@gradients/bus";
import { invariantsCommand, schemaCommands } from "@gradients/db";
import { runService } from "@gradients/runtime";
import { busOptions, createChainBridge, databaseOptions } from "./chain-bridge.ts";
import { type ChainBridgeConfig, loadConfig } from "./config.ts";
import { invariants } from "./store/invariants.ts";
import { migrations } from "./store/migrations/index.ts";

await runService(loadConfig, createChainBridge, {
  ...schemaCommands({ service: "chain-bridge", schema: "chain_bridge", migrations }),
  invariants: invariantsCommand((config: ChainBridgeConfig) => ({
    database: databaseOptions(config),
    invariants,
    windowHours: config.invariants.windowHours,
  })),
  "dead-letters": deadLettersCommand((config: ChainBridgeConfig) => ({
    database: databaseOptions(config),
    bus: busOptions(config),
  })),
});
