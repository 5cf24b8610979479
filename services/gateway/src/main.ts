import { deadLettersCommand } from "@gradients/bus";
import { runService } from "@gradients/runtime";
import { modelsCommand } from "./app/models-command.ts";
import { type GatewayConfig, loadConfig } from "./config.ts";
import { createGateway } from "./gateway.ts";

await runService(loadConfig, createGateway, {
  models: modelsCommand,
  "dead-letters": deadLettersCommand(({ database, nats }: GatewayConfig) => ({
    database: { ...database, applicationName: "gateway" },
    bus: { ...nats, name: "gateway dead-letters" },
  })),
});
