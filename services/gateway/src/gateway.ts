import { connectBus, createConsumer, createOutboxRelay, createProgressConsumer } from "@gradients/bus";
import { SchedulerService } from "@gradients/contracts/scheduler";
import { createDatabase, createInvariantChecker, isOutage, migrate } from "@gradients/db";
import { type Clock, systemClock } from "@gradients/kernel";
import { createObjectStore } from "@gradients/objects";
import { createRpcClient, createRpcPart } from "@gradients/rpc";
import { composeService, createLogger, type Logger, type Part, type Service } from "@gradients/runtime";
import { ensureBootstrapKey } from "./app/bootstrap.ts";
import { createCheckThread } from "./app/check-thread.ts";
import { createDatasetChecker } from "./app/dataset-checker.ts";
import { createJobFeed } from "./app/job-feed.ts";
import { createKeyCache } from "./app/key-cache.ts";
import { createRateLimiter } from "./app/rate-limiter.ts";
import { recordProgress } from "./app/record-progress.ts";
import { createSchedulerCatalogue } from "./app/scheduler-catalogue.ts";
import { createSweeper } from "./app/sweeper.ts";
import type { GatewayConfig } from "./config.ts";
import { createEventHandlers } from "./events/index.ts";
import { authenticateCall, createGatewayBinding } from "./grpc/index.ts";
import { createObserver } from "./observe.ts";
import { createHttpPart } from "./rest/server.ts";
import { findApiKeyByPrefix } from "./store/api-keys.ts";
import { invariants } from "./store/invariants.ts";
import { migrations } from "./store/migrations/index.ts";
import type { GatewayTables } from "./store/schema.ts";

export { registerModel } from "./app/register-model.ts";
export { loadConfig } from "./config.ts";

export interface GatewayOverrides {
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** The public door as one service. Addresses: `grpc` and `http`. */
export async function createGateway(
  config: GatewayConfig,
  overrides: GatewayOverrides = {},
): Promise<Service> {
  const { clock = systemClock, logger = createLogger({ service: "gateway", level: config.logLevel }) } =
    overrides;
  const db = createDatabase<GatewayTables>({ ...config.database, applicationName: "gateway" }, logger);
  const bus = await connectBus({ ...config.nats, name: "gateway" }, logger);
  const objects = createObjectStore(config.objects);
  const scheduler = createRpcClient(SchedulerService, {
    target: config.scheduler.target,
    logger,
    defaultDeadlineMs: 5_000,
  });
  const observe = createObserver(logger);
  const feed = createJobFeed({ db, clock, logger });
  const keys = createKeyCache((prefix) => findApiKeyByPrefix(db.q, prefix), clock);
  const shared = { db, keys, objects, clock, logger, observe };
  const binding = createGatewayBinding({
    ...shared,
    config,
    feed,
    catalogue: createSchedulerCatalogue(scheduler, clock),
  });
  const entrance = {
    bindings: [binding],
    authenticate: authenticateCall(shared, createRateLimiter(clock, config.rateLimit)),
    logger,
    ...tlsOf(config),
  };
  const { minUsableRows } = config.jobs;

  const resources: readonly Part[] = [
    { name: "database", start: async () => void (await migrate(db, migrations)), stop: () => db.close() },
    { name: "bus", stop: () => bus.close() },
    { name: "object store", start: () => objects.ensureBucket(), stop: async () => objects.close() },
    { name: "scheduler client", stop: async () => scheduler.close() },
    {
      name: "bootstrap key",
      start: async () => {
        if (config.bootstrapKey) await ensureBootstrapKey(db, config.bootstrapKey);
      },
    },
  ];
  const work: readonly Part[] = [
    createOutboxRelay({ db, bus, logger, service: "gateway" }),
    createConsumer({ service: "gateway", db, bus, logger, handlers: createEventHandlers({ observe }) }),
    createProgressConsumer({ bus, durable: "gateway", logger, onBatch: recordProgress({ db }) }),
    feed.part,
    createDatasetChecker({ ...shared, thread: createCheckThread(config.objects), minUsableRows }),
    createSweeper(shared),
    createInvariantChecker({ db, logger, service: "gateway", invariants, rules: config.invariants }),
  ];
  const doors: readonly Part[] = [
    createRpcPart({ ...entrance, listen: config.grpc, isOutage, reflection: true }),
    createHttpPart({
      ...entrance,
      listen: config.http,
      corsOrigins: config.http.corsOrigins,
      webRoot: config.webRoot,
    }),
  ];
  return composeService({ name: "gateway", logger, parts: [...resources, ...work, ...doors] });
}

/** One certificate for both doors. */
function tlsOf({ tls }: GatewayConfig) {
  return tls ? { tls: { cert: Buffer.from(tls.certificate), key: Buffer.from(tls.key) } } : {};
}
