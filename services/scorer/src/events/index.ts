import type { EventHandlers } from "@gradients/bus";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";
import { onEvaluationFailed } from "./on-evaluation-failed.ts";
import { onEvaluationFinished } from "./on-evaluation-finished.ts";
import { onJobAccepted } from "./on-job-accepted.ts";
import { onJobCancelled } from "./on-job-cancelled.ts";
import { onRaceFinished } from "./on-race-finished.ts";

export function eventHandlers(deps: DecisionDeps): EventHandlers<Tables> {
  return [
    onJobAccepted(deps),
    onJobCancelled(deps),
    onRaceFinished(deps),
    onEvaluationFinished(deps),
    onEvaluationFailed(deps),
  ];
}
