import type { JobId } from "@gradients/kernel";
import { applyFact, type JobFact } from "../domain/apply-fact.ts";
import type { JobView } from "../domain/job.ts";
import type { GatewayTx } from "../store/database.ts";
import { appendJobEvents } from "../store/job-events.ts";
import { lockJob, saveJob } from "../store/jobs.ts";
import { encodeJob } from "../wire/job.ts";

export type RecordOutcome = JobView | "old_news" | "unknown_job";

/** Takes a fact of another service into the customer's view of the job and tells the watchers. Returns the view when the fact was news. */
export async function recordFact(tx: GatewayTx, jobId: JobId, fact: JobFact): Promise<RecordOutcome> {
  const before = await lockJob(tx, jobId);
  if (!before) return "unknown_job";
  const after = applyFact(before, fact);
  if (!after) return "old_news";
  return saveWithEvent(tx, before, after);
}

/** Saves a changed view, whose job is locked, together with the entry in the job's log that shows it. */
export async function saveWithEvent(tx: GatewayTx, before: JobView, after: JobView): Promise<JobView> {
  const { jobId, eventOffset } = before.job;
  const saved = { ...after, job: { ...after.job, eventOffset: eventOffset + 1n } };
  await saveJob(tx, before, saved);
  await appendJobEvents(tx, jobId, eventOffset, [{ case: "job", value: encodeJob(saved) }]);
  return saved;
}
