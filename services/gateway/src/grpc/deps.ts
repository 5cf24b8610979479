import type { Clock } from "@gradients/kernel";
import type { ObjectStore } from "@gradients/objects";
import type { JobFeed } from "../app/job-feed.ts";
import type { KeyCache } from "../app/key-cache.ts";
import type { SchedulerCatalogue } from "../app/scheduler-catalogue.ts";
import type { GatewayConfig } from "../config.ts";
import type { GatewayObserver } from "../observe.ts";
import type { GatewayDatabase } from "../store/database.ts";

/** What the methods of the gateway work with. */
export interface MethodDeps {
  readonly db: GatewayDatabase;
  readonly keys: KeyCache;
  readonly objects: ObjectStore;
  readonly catalogue: SchedulerCatalogue;
  readonly feed: JobFeed;
  readonly clock: Clock;
  readonly observe: GatewayObserver;
  readonly config: Pick<GatewayConfig, "jobs" | "uploads" | "downloadSeconds" | "sampleDataset">;
}
