import type { StoredObject } from "@gradients/contracts/stored-object";
import type { Tx } from "@gradients/db";
import { type AttemptId, type JobId, newId } from "@gradients/kernel";
import { currentTraceparent } from "@gradients/runtime";
import type { DecisionDeps } from "../deps.ts";
import type { Attempt } from "../domain/attempt.ts";
import { newAttemptCore } from "../domain/attempt-machine.ts";
import type { Failure } from "../domain/failures.ts";
import { type Job, type JobOrder, planRace } from "../domain/job.ts";
import { jobAfter } from "../domain/job-machine.ts";
import type { Recipe } from "../domain/recipes.ts";
import { insertAttempts } from "../store/attempts.ts";
import { lockJob, saveJob } from "../store/jobs.ts";
import type { Tables } from "../store/schema.ts";
import { setTimer } from "../store/timers.ts";
import { wakeControlLoop } from "../store/wake.ts";
import { moveAttempt } from "./move-attempt.ts";

/** Notes what is known of a job, in whichever order it comes; once both its order and its split are there, the race opens. */
export async function learnAboutJob(
  tx: Tx<Tables>,
  deps: DecisionDeps,
  jobId: JobId,
  news: { readonly order: JobOrder } | { readonly train: StoredObject },
): Promise<void> {
  const job: Job = { ...(await lockJob(tx, jobId)), ...news };
  if (job.state !== "waiting") return;
  if (job.order && job.train) await openRace(tx, deps, job, job.order);
  else await saveJob(tx, job);
}

async function openRace(tx: Tx<Tables>, deps: DecisionDeps, job: Job, order: JobOrder): Promise<void> {
  const state = jobAfter(job.state, "started");
  if (!state) return;
  const { recipes, refusal } = planRace(job.jobId, order, deps.catalogue, deps.fleet.classes);
  const attempts = recipes.map((recipe, place) => newAttempt(job.jobId, order, recipe, place, tx.now));
  const racing: Job = { ...job, state };
  await saveJob(tx, racing);
  await insertAttempts(tx, attempts);
  if (refusal) return refuseRace(tx, deps, racing, attempts, refusal);
  await setDeadline(tx, racing);
  wakeControlLoop(tx);
  deps.observe.raceStarted(job.jobId, recipes.length);
}

/** `place` is the attempt's in the race: ids sort by it. */
function newAttempt(jobId: JobId, order: JobOrder, recipe: Recipe, place: number, now: Date): Attempt {
  return {
    attemptId: newId<AttemptId>(now.getTime() + place),
    jobId,
    hardwareClass: order.hardwareClass,
    accountId: order.accountId ?? "",
    queuedSince: order.acceptedAt,
    createdAt: now,
    traceparent: currentTraceparent() ?? null,
    work: { kind: "train", recipe },
    result: null,
    core: newAttemptCore(now),
    waiting: null,
  };
}

/** The attempts exist and fail at once: the job ends by the same path as any other race without a winner. */
async function refuseRace(
  tx: Tx<Tables>,
  deps: DecisionDeps,
  job: Job,
  attempts: readonly Attempt[],
  failure: Failure,
): Promise<void> {
  deps.observe.raceRefused(job.jobId, failure);
  for (const { attemptId } of attempts)
    await moveAttempt(tx, deps, job, attemptId, { type: "fail", failure });
}

async function setDeadline(tx: Tx<Tables>, { jobId, order }: Job): Promise<void> {
  if (!order?.deadline) return;
  await setTimer(tx, { kind: "job_deadline", subjectId: jobId, jobId, dueAt: order.deadline });
}
