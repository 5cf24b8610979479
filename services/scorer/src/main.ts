import { deadLettersCommand } from "@gradients/bus";
import { invariantsCommand } from "@gradients/db";
import { runService } from "@gradients/runtime";
import { loadConfig } from "./config.ts";
import { createScorer } from "./scorer.ts";
import { invariants } from "./store/invariants.ts";

await runService(loadConfig, createScorer, {
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
