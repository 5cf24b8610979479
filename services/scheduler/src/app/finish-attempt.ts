import type { StoredFile } from "@gradients/contracts/stored-object";
import { err, ok, type Result } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import type { AttemptResult } from "../domain/attempt.ts";
import { type AttemptCommand, type AttemptRejection, isFinal } from "../domain/attempt-machine.ts";
import { type Failure, reportedFailure } from "../domain/failures.ts";
import { findUploads } from "../domain/uploads.ts";
import { findAttempt } from "../store/attempts.ts";
import type { TokenHolder } from "../store/tokens.ts";
import { listCompletedUploads } from "../store/uploads.ts";
import { command } from "./with-attempt.ts";

export type Outcome =
  | { readonly type: "succeeded"; readonly result: AttemptResult }
  | { readonly type: "failed"; readonly code: string; readonly detail: string }
  /** `stopped`: the platform asked for it. */
  | { readonly type: "interrupted"; readonly cause: string; readonly stopped: boolean };

export type FinishRejection =
  | AttemptRejection
  | { readonly missing: string }
  | { readonly code: "RESULT_MISSING"; readonly what: string };

/** The agent's last word. A result counts only with files that this placement has brought to the store in whole. */
export async function finishAttempt(
  deps: Deps,
  holder: TokenHolder,
  outcome: Outcome,
): Promise<Result<void, FinishRejection>> {
  if (outcome.type === "succeeded") {
    const checked = await checkResult(deps, holder, outcome.result);
    if (!checked.ok) return checked;
  }
  const result = outcome.type === "succeeded" ? outcome.result : null;
  const moved = await command(deps, holder, toCommand(outcome, holder.epoch), result);
  return moved.ok ? ok() : moved;
}

async function checkResult(
  deps: Deps,
  { attemptId, epoch }: TokenHolder,
  result: AttemptResult,
): Promise<Result<void, FinishRejection>> {
  const attempt = await findAttempt(deps.db.q, attemptId);
  if (!attempt || isFinal(attempt.core.state)) return ok(); // repeated or fenced: the state machine tells
  const expected = attempt.work.kind === "train" ? "trained" : "evaluated";
  if (result.kind !== expected) return err({ code: "RESULT_MISSING", what: expected });
  if (result.kind === "trained" && result.artifact.length === 0) {
    return err({ code: "RESULT_MISSING", what: "at least one artifact file" });
  }
  const purpose = result.kind === "trained" ? "artifact" : "scores";
  const uploads = await deps.db.tx((tx) => listCompletedUploads(tx, attemptId, epoch));
  const found = findUploads(uploads, purpose, filesOf(result));
  return found.ok ? ok() : found;
}

function filesOf(result: AttemptResult): readonly StoredFile[] {
  if (result.kind === "trained") return result.artifact;
  return [{ name: result.scores.key.split("/").at(-1) ?? "", object: result.scores }];
}

function toCommand(outcome: Outcome, epoch: number): AttemptCommand {
  if (outcome.type === "succeeded") return { type: "succeed", epoch };
  if (outcome.type === "interrupted")
    return { type: outcome.stopped ? "interrupt" : "lose", epoch, because: outcome.cause };
  const failure: Failure = reportedFailure(outcome.code, outcome.detail);
  return { type: "fail", epoch, failure };
}
