import type { Bus } from "@gradients/bus";
import type { Database } from "@gradients/db";
import type { ObjectStore } from "@gradients/objects";
import type { AdmissionRules } from "./domain/admission-rules.ts";
import type { Recipe } from "./domain/recipes.ts";
import type { SchedulingRules } from "./domain/scheduling-rules.ts";
import type { GpuFleet } from "./fleet/gpu-fleet.ts";
import type { Observe } from "./observe.ts";
import type { Tables } from "./store/schema.ts";

/** What decisions inside a transaction need. */
export interface DecisionDeps {
  readonly rules: SchedulingRules;
  readonly catalogue: readonly Recipe[];
  readonly fleet: Pick<GpuFleet, "classes">;
  readonly observe: Observe;
}

export interface Deps extends DecisionDeps {
  readonly db: Database<Tables>;
  readonly bus: Bus;
  readonly objects: ObjectStore;
  readonly fleet: GpuFleet;
  readonly limits: TransferLimits;
  readonly admission: AdmissionRules;
}

interface TransferLimits {
  /** Largest file that an agent may upload. */
  readonly maxFileBytes: number;
  /** How long a presigned URL works. */
  readonly urlSeconds: number;
  /** Pause between two checkpoints of a training. */
  readonly checkpointSeconds: number;
}
