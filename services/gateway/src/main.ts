import { deadLettersCommand } from "@gradients/bus";
import { invariantsCommand, schemaCommands } from "@gradients/db";
import { runService } from "@gradients/runtime";
import { modelsCommand } from "./app/models-command.ts";
import { type GatewayConfig, loadConfig } from "./config.ts";
import { createGateway } from "./gateway.ts";
import { invariants } from "./store/invariants.ts";
import { migrations } from "./store/migrations/index.ts";

await runService(loadConfig, createGateway, {
  models: modelsCommand,
  ...schemaCommands({ service: "gateway", schema: "gateway", migrations }),
  invariants: invariantsCommand(({ database, invariants: { windowHours } }: GatewayConfig) => ({
    database: { ...database, applicationName: "gateway invariants" },
    invariants,
    windowHours,
  })),
  "dead-letters": deadLettersCommand(({ database, nats }: GatewayConfig) => ({
    database: { ...database, applicationName: "gateway" },
    bus: { ...nats, name: "gateway dead-letters" },
  })),
});
