import type { EventHandlers } from "@gradients/bus";
import type { GatewayTables } from "../store/schema.ts";
import type { HandlerDeps } from "./facts.ts";
import { onAttemptFailed } from "./on-attempt-failed.ts";
import { onAttemptFinished } from "./on-attempt-finished.ts";
import { onAttemptStarted } from "./on-attempt-started.ts";
import { onAttemptWaiting } from "./on-attempt-waiting.ts";
import { onEvaluationRequested } from "./on-evaluation-requested.ts";
import { onJobFailed } from "./on-job-failed.ts";
import { onJobScored } from "./on-job-scored.ts";
import { onRaceFinished } from "./on-race-finished.ts";
import { onRewardCredited } from "./on-reward-credited.ts";
import { onSplitCommitted } from "./on-split-committed.ts";
import { onWeightsSet } from "./on-weights-set.ts";

/** Everything that the customer's view of a job is made of. */
export function createEventHandlers(deps: HandlerDeps): EventHandlers<GatewayTables> {
  return [
    onSplitCommitted(deps),
    onAttemptWaiting(deps),
    onAttemptStarted(deps),
    onAttemptFinished(deps),
    onAttemptFailed(deps),
    onRaceFinished(deps),
    onEvaluationRequested(deps),
    onJobScored(deps),
    onJobFailed(deps),
    onWeightsSet(),
    onRewardCredited(),
  ];
}
