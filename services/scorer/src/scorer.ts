import { type Bus, connectBus, createConsumer, createOutboxRelay, ensureStreams } from "@gradients/bus";
import { createDatabase, createInvariantChecker, isOutage, migrate } from "@gradients/db";
import { createObjectStore } from "@gradients/objects";
import { createRpcPart } from "@gradients/rpc";
import { composeService, createLogger, type Part, type Service } from "@gradients/runtime";
import { removeLeftovers } from "./app/work-folder.ts";
import type { ScorerConfig } from "./config.ts";
import type { Deps, ScorerRules } from "./deps.ts";
import { VERDICT_RULES } from "./domain/ranks.ts";
import { eventHandlers } from "./events/index.ts";
import { scorerBinding } from "./grpc/index.ts";
import { createObserve } from "./observe.ts";
import { invariants } from "./store/invariants.ts";
import { migrations } from "./store/migrations/index.ts";
import type { Tables } from "./store/schema.ts";
import { createTaskRunner } from "./tasks/task-runner.ts";

export { loadConfig, type ScorerConfig } from "./config.ts";

/** Connects to NATS; everything else happens in the parts, which start in this order and stop in the reverse one. */
export async function createScorer(config: ScorerConfig): Promise<Service> {
  const logger = createLogger({ service: "scorer", level: config.logLevel });
  const db = createDatabase<Tables>({ ...config.database, applicationName: "scorer" }, logger);
  const objects = createObjectStore(config.objects);
  const bus = await connectBus({ ...config.nats, name: "scorer" }, logger);
  const deps: Deps = {
    db,
    objects,
    rules: rulesOf(config),
    workFolder: config.workFolder,
    observe: createObserve(logger),
  };
  return composeService({
    name: "scorer",
    logger,
    parts: [
      { name: "database", start: async () => void (await migrate(db, migrations)), stop: () => db.close() },
      { name: "object store", start: () => objects.ensureBucket(), stop: async () => objects.close() },
      { name: "work folder", start: () => removeLeftovers(config.workFolder) },
      busPart(bus),
      createOutboxRelay({ db, bus, logger, service: "scorer" }),
      createInvariantChecker({ db, logger, service: "scorer", invariants, rules: config.invariants }),
      createTaskRunner(deps, config.tasks),
      createConsumer({ service: "scorer", db, bus, logger, handlers: eventHandlers(deps) }),
      createRpcPart({
        bindings: [scorerBinding(deps)],
        listen: config.grpc,
        logger,
        isOutage,
        reflection: true,
      }),
    ],
  });
}

function busPart(bus: Bus): Part {
  return { name: "bus", start: () => ensureStreams(bus), stop: () => bus.close() };
}

function rulesOf({
  heldout,
  trainRowsMin,
  generateRows,
  maxNewTokens,
  jobDeadlineSeconds,
}: ScorerConfig): ScorerRules {
  return {
    split: {
      heldoutShare: heldout.share,
      heldoutRowsMin: heldout.rowsMin,
      heldoutRowsMax: heldout.rowsMax,
      trainRowsMin,
    },
    verdict: VERDICT_RULES,
    generateRows,
    maxNewTokens,
    deadlineSeconds: jobDeadlineSeconds,
  };
}
