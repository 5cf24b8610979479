import type { AttemptId } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import { decideAttempt } from "../domain/attempt-machine.ts";
import type { PodStatus } from "../fleet/gpu-fleet.ts";
import { findAttempt, lockAttempt, saveLosses } from "../store/attempts.ts";

/** True when a loss was counted for that pod's placement and does not count any more. */
export async function forgiveLoss(
  { db, rules }: Pick<Deps, "db" | "rules">,
  { attemptId, epoch }: Pick<PodStatus, "attemptId" | "epoch">,
): Promise<boolean> {
  const known = await findAttempt(db.q, attemptId);
  if (!known?.core.lostEpochs.includes(epoch)) return false;
  return db.tx(async (tx) => {
    const attempt = await lockAttempt(tx, attemptId as AttemptId);
    if (!attempt) return false;
    const decision = decideAttempt(attempt.core, { type: "forgive", lostEpoch: epoch }, rules, tx.now);
    if (!decision.ok || decision.value.attempt === attempt.core) return false;
    await saveLosses(tx, attempt.attemptId, decision.value.attempt);
    return true;
  });
}
