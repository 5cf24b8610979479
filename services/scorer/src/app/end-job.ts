import { appendOutbox } from "@gradients/bus";
import type { Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import type { DecisionDeps } from "../deps.ts";
import type { Job } from "../domain/job.ts";
import { jobAfter } from "../domain/job-machine.ts";
import type { Reason } from "../domain/reason.ts";
import { jobFailed } from "../events/published.ts";
import { lockJob, saveJobState } from "../store/jobs.ts";
import type { Tables } from "../store/schema.ts";
import { dropTasks } from "../store/tasks.ts";

/** Ends a job without a model. Nothing happens when it is over already. The caller holds the job's lock. */
export async function failJob(
  tx: Tx<Tables>,
  { observe }: DecisionDeps,
  { jobId, state }: Job,
  reason: Reason,
): Promise<void> {
  const next = jobAfter(state, "failed");
  if (!next) return;
  await saveJobState(tx, jobId, next, reason);
  await dropTasks(tx, jobId);
  await appendOutbox(tx, jobFailed(jobId, reason, tx.now));
  observe.jobFailed(jobId, reason);
}

/** The customer stopped the job: work in progress loses its claim. Throws for a job that is not known yet, so that the event comes again. */
export async function cancelJob(tx: Tx<Tables>, { observe }: DecisionDeps, jobId: JobId): Promise<void> {
  const job = await lockJob(tx, jobId);
  if (!job) throw new Error(`Job ${jobId} is not known yet`);
  const next = jobAfter(job.state, "cancelled");
  if (!next) return;
  await saveJobState(tx, jobId, next);
  await dropTasks(tx, jobId);
  observe.jobCancelled(jobId);
}
