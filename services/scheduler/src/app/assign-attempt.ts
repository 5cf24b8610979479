import { ok, type Result } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import { type Assignment, assignmentOf } from "../domain/assignment.ts";
import { type Attempt, allowedSeconds } from "../domain/attempt.ts";
import type { AttemptRejection } from "../domain/attempt-machine.ts";
import { lockJob } from "../store/jobs.ts";
import { findTimer, setTimer } from "../store/timers.ts";
import type { TokenHolder } from "../store/tokens.ts";
import { moveAttempt } from "./move-attempt.ts";

/** The agent ends the work by itself at its deadline; only when it does not, ours fires. */
const DEADLINE_MARGIN_MS = 15_000;

export interface AssignedAttempt extends Assignment {
  readonly attempt: Attempt;
  readonly hardDeadline: Date;
  /** Until then, never below zero. */
  readonly remainingSeconds: number;
}

/** Hands the work of a placement to its agent. Asking again gives the same work with the same deadline. */
export function assignAttempt(
  deps: Deps,
  { jobId, attemptId, epoch }: TokenHolder,
): Promise<Result<AssignedAttempt, AttemptRejection>> {
  return deps.db.tx(async (tx) => {
    const job = await lockJob(tx, jobId);
    const moved = await moveAttempt(tx, deps, job, attemptId, { type: "assign", epoch });
    if (!moved.ok) return moved;
    const { attempt, fact } = moved.value;
    const known = fact === "reported" ? undefined : await findTimer(tx, "attempt_deadline", attemptId);
    const seconds = allowedSeconds(attempt, job.order?.budgetSeconds ?? 0, deps.rules);
    const dueAt = known ?? new Date(tx.now.getTime() + seconds * 1000 + DEADLINE_MARGIN_MS);
    if (!known) await setTimer(tx, { kind: "attempt_deadline", subjectId: attemptId, jobId, dueAt });
    const threads =
      deps.fleet.classes.find(({ name }) => name === attempt.hardwareClass)?.threadsPerSlot ?? 1;
    const machine = { threads, checkpointSeconds: deps.limits.checkpointSeconds };
    const hardDeadline = new Date(dueAt.getTime() - DEADLINE_MARGIN_MS);
    const remainingSeconds = Math.max(0, (hardDeadline.getTime() - tx.now.getTime()) / 1000);
    return ok({ ...assignmentOf(attempt, job, machine), attempt, hardDeadline, remainingSeconds });
  });
}
