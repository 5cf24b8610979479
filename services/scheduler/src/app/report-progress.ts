import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { publishProgress } from "@gradients/bus";
import type { ProgressPoint } from "@gradients/contracts/event";
import { failpoint, ok, type Result } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import type { AttemptRejection } from "../domain/attempt-machine.ts";
import type { TokenHolder } from "../store/tokens.ts";
import { whileHeld } from "./with-attempt.ts";

export interface ProgressReport {
  readonly phase: string;
  readonly points: readonly ProgressPoint[];
}

/** Heartbeat and figures in one. The figures are passed on once the lease is prolonged, so a fenced agent's never are. */
export async function reportProgress(
  deps: Deps,
  holder: TokenHolder,
  { phase, points }: ProgressReport,
): Promise<Result<void, AttemptRejection>> {
  const held = await whileHeld(deps, holder, async (tx, attempt) => ok({ attempt, now: tx.now }));
  if (!held.ok) return held;
  failpoint("scheduler.lease-prolonged");
  const { attempt, now } = held.value;
  publishProgress(deps.bus, {
    jobId: attempt.jobId,
    attemptId: attempt.attemptId,
    epoch: attempt.core.epoch,
    phase,
    points: [...points],
    evaluationId: attempt.work.kind === "evaluate" ? attempt.attemptId : "",
    sentAt: timestampFromDate(now),
  });
  return ok();
}
