import { err, ok, type Result } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import { type AttemptRejection, decideAttempt } from "../domain/attempt-machine.ts";
import type { Checkpoint } from "../domain/files.ts";
import { findUploads } from "../domain/uploads.ts";
import { saveAttempt } from "../store/attempts.ts";
import type { TokenHolder } from "../store/tokens.ts";
import { listCompletedUploads } from "../store/uploads.ts";
import { whileHeld } from "./with-attempt.ts";

export type CommitRejection = AttemptRejection | { readonly missing: string };

/** From here on a lost attempt goes on from this checkpoint. */
export function commitCheckpoint(
  deps: Deps,
  holder: TokenHolder,
  checkpoint: Checkpoint,
): Promise<Result<void, CommitRejection>> {
  return whileHeld<void, CommitRejection>(deps, holder, async (tx, attempt) => {
    const uploads = await listCompletedUploads(tx, holder.attemptId, holder.epoch);
    const files = findUploads(uploads, "checkpoint", checkpoint.files);
    if (!files.ok) return files;
    const step = { type: "checkpoint", epoch: holder.epoch, checkpoint } as const;
    const decision = decideAttempt(attempt.core, step, deps.rules, tx.now);
    if (!decision.ok) return err(decision.error);
    await saveAttempt(tx, holder.attemptId, decision.value.attempt, attempt.result);
    return ok();
  });
}
