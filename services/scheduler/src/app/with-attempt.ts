import type { Tx } from "@gradients/db";
import { err, ok, type Result } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import type { Attempt, AttemptResult } from "../domain/attempt.ts";
import { type AttemptCommand, type AttemptRejection, decideAttempt } from "../domain/attempt-machine.ts";
import type { Job } from "../domain/job.ts";
import { lockAttempt, saveAttempt } from "../store/attempts.ts";
import { lockJob } from "../store/jobs.ts";
import type { Tables } from "../store/schema.ts";
import type { TokenHolder } from "../store/tokens.ts";
import { type Moved, moveAttempt } from "./move-attempt.ts";

/** A command that may end the attempt or announce something: under the job's lock. */
export function command(
  deps: Deps,
  { jobId, attemptId }: TokenHolder,
  step: AttemptCommand,
  result: AttemptResult | null = null,
): Promise<Result<Moved & { readonly job: Job }, AttemptRejection>> {
  return deps.db.tx(async (tx) => {
    const job = await lockJob(tx, jobId);
    const moved = await moveAttempt(tx, deps, job, attemptId, step, result);
    return moved.ok ? ok({ ...moved.value, job }) : moved;
  });
}

/** Proves that the caller still holds the attempt and prolongs its lease; then does more in the same transaction. Locks the attempt only. */
export function whileHeld<R, E = never>(
  deps: Deps,
  { attemptId, epoch }: TokenHolder,
  more: (tx: Tx<Tables>, attempt: Attempt) => Promise<Result<R, E>>,
): Promise<Result<R, AttemptRejection | E>> {
  return deps.db.tx(async (tx) => {
    const attempt = await lockAttempt(tx, attemptId);
    if (!attempt) return err("FENCED");
    const decision = decideAttempt(attempt.core, { type: "heartbeat", epoch }, deps.rules, tx.now);
    if (!decision.ok) return decision;
    await saveAttempt(tx, attemptId, decision.value.attempt, attempt.result);
    return more(tx, { ...attempt, core: decision.value.attempt });
  });
}
