import type { Tx } from "@gradients/db";
import type { AttemptId, JobId } from "@gradients/kernel";
import { currentTraceparent } from "@gradients/runtime";
import type { DecisionDeps } from "../deps.ts";
import type { Attempt, Evaluation } from "../domain/attempt.ts";
import { newAttemptCore } from "../domain/attempt-machine.ts";
import { failureOf } from "../domain/failures.ts";
import { findAttempt, insertAttempts } from "../store/attempts.ts";
import { lockJob } from "../store/jobs.ts";
import type { Tables } from "../store/schema.ts";
import { wakeControlLoop } from "../store/wake.ts";
import { moveAttempt } from "./move-attempt.ts";

export interface EvaluationRequest {
  readonly jobId: JobId;
  /** Becomes the attempt's id: one evaluation is run once, however often it is asked for. */
  readonly evaluationId: string;
  readonly hardwareClass: string;
  readonly evaluation: Evaluation;
}

export async function requestEvaluation(
  tx: Tx<Tables>,
  deps: DecisionDeps,
  { jobId, evaluationId, hardwareClass, evaluation }: EvaluationRequest,
): Promise<void> {
  const job = await lockJob(tx, jobId);
  if (job.state === "closed" || (await findAttempt(tx, evaluationId))) return;
  const attempt: Attempt = {
    attemptId: evaluationId as AttemptId,
    jobId,
    hardwareClass,
    accountId: job.order?.accountId ?? "",
    queuedSince: job.order?.acceptedAt ?? tx.now,
    createdAt: tx.now,
    traceparent: currentTraceparent() ?? null,
    work: { kind: "evaluate", evaluation },
    result: null,
    core: newAttemptCore(tx.now),
    waiting: null,
  };
  await insertAttempts(tx, [attempt]);
  wakeControlLoop(tx);
  if (deps.fleet.classes.some(({ name }) => name === hardwareClass)) return;
  const failure = failureOf("HARDWARE_CLASS_UNKNOWN", `"${hardwareClass}"`);
  await moveAttempt(tx, deps, job, attempt.attemptId, { type: "fail", failure });
}
