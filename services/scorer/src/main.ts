import { deadLettersCommand } from "@gradients/bus";
import { invariantsCommand, schemaCommands } from "@gradients/db";
import { runService } from "@gradients/runtime";
import { loadConfig } from "./config.ts";
import { createScorer } from "./scorer.ts";
import { invariants } from "./store/invariants.ts";
import { migrations } from "./store/migrations/index.ts";

await runService(loadConfig, createScorer, {
  ...schemaCommands({ service: "scorer", schema: "scorer", migrations }),
  invariants: invariantsCommand(({ database, invariants: { windowHours } }) => ({
    database: { ...database, applicationName: "scorer invariants" },
    invariants,
    windowHours,
  })),
  "dead-letters": deadLettersCommand(({ database, nats }) => ({
    database: { ...database, applicationName: "scorer dead-letters" },
    bus: { ...nats, name: "scorer dead-letters" },
  })),
});
