import { deadLettersCommand } from "@gradients/bus";
import { runService } from "@gradients/runtime";
import { loadConfig } from "./config.ts";
import { createScorer } from "./scorer.ts";

await runService(loadConfig, createScorer, {
  "dead-letters": deadLettersCommand(({ database, nats }) => ({
    database: { ...database, applicationName: "scorer dead-letters" },
    bus: { ...nats, name: "scorer dead-letters" },
  })),
});
