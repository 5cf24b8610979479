import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type AttemptSchema, AttemptState as WireState } from "@gradients/contracts/scheduler";
import { AttemptKind } from "@gradients/contracts/trainer";
import type { Attempt } from "../domain/attempt.ts";
import type { AttemptState } from "../domain/attempt-machine.ts";
import { fromStats } from "../wire.ts";

const states: Readonly<Record<AttemptState, WireState>> = {
  queued: WireState.QUEUED,
  placing: WireState.PLACING,
  running: WireState.RUNNING,
  succeeded: WireState.SUCCEEDED,
  failed: WireState.FAILED,
  cancelled: WireState.CANCELLED,
};

export function toWireAttempt(attempt: Attempt): MessageInitShape<typeof AttemptSchema> {
  const { core, work, result } = attempt;
  return {
    attemptId: attempt.attemptId,
    jobId: attempt.jobId,
    kind: work.kind === "train" ? AttemptKind.TRAIN : AttemptKind.EVALUATE,
    recipeId: work.kind === "train" ? work.recipe.recipeId : "",
    state: states[core.state],
    epoch: core.epoch,
    hardwareClass: attempt.hardwareClass,
    createdAt: timestampFromDate(attempt.createdAt),
    ...(core.startedAt && { startedAt: timestampFromDate(core.startedAt) }),
    ...(core.finishedAt && { finishedAt: timestampFromDate(core.finishedAt) }),
    ...(core.failure && { failure: core.failure }),
    ...(core.state === "placing" && attempt.waiting && { waiting: attempt.waiting }),
    ...(result?.kind === "trained" && { stats: fromStats(result.stats) }),
    checkpointStep: BigInt(core.checkpoint?.step ?? 0),
  };
}
