import { deadLettersCommand } from "@gradients/bus";
import { runService } from "@gradients/runtime";
import { loadConfig, type SchedulerConfig } from "./config.ts";
import { busOptions, createScheduler, databaseOptions } from "./scheduler.ts";

await runService(loadConfig, createScheduler, {
  "dead-letters": deadLettersCommand((config: SchedulerConfig) => ({
    database: databaseOptions(config),
    bus: busOptions(config),
  })),
});
