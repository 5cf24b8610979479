import type { EventHandlers } from "@gradients/bus";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";
import { onEvaluationRequested } from "./on-evaluation-requested.ts";
import { onJobAccepted } from "./on-job-accepted.ts";
import { onJobCancelled } from "./on-job-cancelled.ts";
import { onJobFailed } from "./on-job-failed.ts";
import { onJobScored } from "./on-job-scored.ts";
import { onSplitCommitted } from "./on-split-committed.ts";

export function eventHandlers(deps: DecisionDeps): EventHandlers<Tables> {
  return [
    onJobAccepted(deps),
    onSplitCommitted(deps),
    onEvaluationRequested(deps),
    onJobCancelled(deps),
    onJobFailed(deps),
    onJobScored(deps),
  ];
}
