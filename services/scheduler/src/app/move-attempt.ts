import { appendOutbox } from "@gradients/bus";
import type { Tx } from "@gradients/db";
import { type AttemptId, ok, type Result } from "@gradients/kernel";
import { inTraceOf, isTraced } from "@gradients/runtime";
import type { DecisionDeps } from "../deps.ts";
import type { Attempt, AttemptResult } from "../domain/attempt.ts";
import {
  type AttemptCommand,
  type AttemptFact,
  type AttemptRejection,
  decideAttempt,
  isFinal,
} from "../domain/attempt-machine.ts";
import type { Job } from "../domain/job.ts";
import { jobAfter } from "../domain/job-machine.ts";
import { failedEvents, raceFinished, startedEvents, succeededEvents } from "../events/published.ts";
import { listAttemptsOfJob, lockAttempt, saveAttempt } from "../store/attempts.ts";
import { saveJob } from "../store/jobs.ts";
import type { Tables } from "../store/schema.ts";
import { clearTimer } from "../store/timers.ts";
import { wakeControlLoop } from "../store/wake.ts";

export interface Moved {
  readonly attempt: Attempt;
  readonly fact: AttemptFact | null;
}

/**
 * Takes one attempt one step further, with its events, and ends the race with its last attempt. The caller holds the job's lock, so that two
 * last attempts cannot miss each other.
 */
export async function moveAttempt(
  tx: Tx<Tables>,
  deps: DecisionDeps,
  job: Job,
  attemptId: AttemptId,
  command: AttemptCommand,
  result: AttemptResult | null = null,
): Promise<Result<Moved, AttemptRejection>> {
  const attempt = await lockAttempt(tx, attemptId);
  if (!attempt) throw new Error(`There is no attempt ${attemptId}`);
  const decision = decideAttempt(attempt.core, command, deps.rules, tx.now);
  if (!decision.ok) return decision;
  const { attempt: core, fact } = decision.value;
  const moved: Attempt = { ...attempt, core, result: fact === "succeeded" ? result : attempt.result };
  await saveAttempt(tx, attemptId, core, moved.result);
  if (fact !== null) await inJobTrace(moved, () => follow(tx, deps, job, moved, fact, command));
  return ok({ attempt: moved, fact });
}

/** What happens without a caller still belongs to the job's trace. */
export function inJobTrace<T>({ traceparent }: Attempt, fn: () => T): T {
  return isTraced() ? fn() : inTraceOf(traceparent, fn);
}

async function follow(
  tx: Tx<Tables>,
  deps: DecisionDeps,
  job: Job,
  attempt: Attempt,
  fact: AttemptFact,
  command: AttemptCommand,
): Promise<void> {
  deps.observe.attemptFact(attempt, fact, command);
  if (fact === "reported") return appendOutbox(tx, startedEvents(attempt, tx.now));
  if (fact === "placed" || fact === "cancelled") return;
  await clearTimer(tx, "attempt_deadline", attempt.attemptId);
  if (fact === "failed" && attempt.core.failure) {
    await appendOutbox(tx, failedEvents(attempt, attempt.core.failure, tx.now));
  }
  if (fact === "succeeded" && attempt.result) {
    await appendOutbox(tx, succeededEvents(attempt, attempt.result, tx.now));
  }
  if (isFinal(attempt.core.state) && attempt.work.kind === "train") await endRaceIfOver(tx, deps, job);
  wakeControlLoop(tx);
}

async function endRaceIfOver(tx: Tx<Tables>, deps: DecisionDeps, job: Job): Promise<void> {
  const attempts = (await listAttemptsOfJob(tx, job.jobId)).filter(({ work }) => work.kind === "train");
  if (!attempts.every(({ core }) => isFinal(core.state))) return;
  const state = jobAfter(job.state, "race_over");
  if (!state) return;
  await saveJob(tx, { ...job, state });
  await clearTimer(tx, "job_deadline", job.jobId);
  await appendOutbox(tx, raceFinished(job.jobId, attempts));
  const succeeded = attempts.filter(({ core }) => core.state === "succeeded").length;
  const openedAt = Math.min(...attempts.map(({ createdAt }) => createdAt.getTime()));
  const seconds = (tx.now.getTime() - openedAt) / 1000;
  deps.observe.raceFinished(job.jobId, attempts.length, succeeded, seconds);
}
