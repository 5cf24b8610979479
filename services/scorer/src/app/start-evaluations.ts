import { appendOutbox } from "@gradients/bus";
import type { Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import type { DecisionDeps } from "../deps.ts";
import { planEvaluations } from "../domain/evaluation.ts";
import { allAttemptsFailed, unknownFailure } from "../domain/failures.ts";
import { hasArtifact, type RaceEntry } from "../domain/job.ts";
import { jobAfter } from "../domain/job-machine.ts";
import { evaluationsRequested } from "../events/published.ts";
import { insertEvaluations } from "../store/evaluations.ts";
import { lockJob, saveJobState } from "../store/jobs.ts";
import { insertRaceEntries } from "../store/race-entries.ts";
import type { Tables } from "../store/schema.ts";
import { findSplit } from "../store/splits.ts";
import { failJob } from "./end-job.ts";

/** The race is over: asks for the evaluation of the base model and of every artifact, or ends the job when there is none. */
export async function startEvaluations(
  tx: Tx<Tables>,
  deps: DecisionDeps,
  jobId: JobId,
  entries: readonly RaceEntry[],
): Promise<void> {
  const job = await lockJob(tx, jobId);
  const split = await findSplit({ q: tx }, jobId);
  if (!job || !split) throw new Error(`Job ${jobId} has no split yet`);
  const next = jobAfter(job.state, "race_finished");
  if (!next) return;
  if (!entries.some(hasArtifact)) {
    const failed = entries.map(({ recipeTitle, failure }) => ({
      title: recipeTitle,
      reason: failure ?? unknownFailure,
    }));
    return failJob(tx, deps, job, allAttemptsFailed(failed));
  }
  const evaluations = planEvaluations(entries, job.salt);
  await saveJobState(tx, jobId, next);
  await insertRaceEntries(tx, jobId, entries);
  await insertEvaluations(tx, jobId, evaluations);
  await appendOutbox(tx, evaluationsRequested(job, split, entries, evaluations, deps.rules));
  deps.observe.evaluationsRequested(jobId, evaluations.length);
}
