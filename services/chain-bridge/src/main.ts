import { deadLettersCommand } from "@gradients/bus";
import { runService } from "@gradients/runtime";
import { busOptions, createChainBridge, databaseOptions } from "./chain-bridge.ts";
import { type ChainBridgeConfig, loadConfig } from "./config.ts";

await runService(loadConfig, createChainBridge, {
  "dead-letters": deadLettersCommand((config: ChainBridgeConfig) => ({
    database: databaseOptions(config),
    bus: busOptions(config),
  })),
});
