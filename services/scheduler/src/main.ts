import { deadLettersCommand } from "@gradients/bus";
import { invariantsCommand, schemaCommands } from "@gradients/db";
import { runService } from "@gradients/runtime";
import { loadConfig, type SchedulerConfig } from "./config.ts";
import { doctorCommand } from "./doctor-command.ts";
import { busOptions, createScheduler, databaseOptions } from "./scheduler.ts";
import { invariants } from "./store/invariants.ts";
import { migrations } from "./store/migrations/index.ts";

const commands = {
  doctor: doctorCommand,
  ...schemaCommands({ service: "scheduler", schema: "scheduler", migrations }),
  invariants: invariantsCommand((config: SchedulerConfig) => ({
    database: databaseOptions(config),
    invariants,
    windowHours: config.invariants.windowHours,
  })),
  "dead-letters": deadLettersCommand((config: SchedulerConfig) => ({
    database: databaseOptions(config),
    bus: busOptions(config),
  })),
};

/** For what is to stop before and after the pods. */
const OWN_STOP_MS = 15_000;
await runService(loadConfig, createScheduler, commands, {
  forcedExitMs: ({ attempts }) => attempts.stopGraceSeconds * 1000 + OWN_STOP_MS,
});
