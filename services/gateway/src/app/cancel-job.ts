import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { appendOutbox, event } from "@gradients/bus";
import { JobCancelledSchema } from "@gradients/contracts/event";
import { type AccountId, failpoint, type JobId } from "@gradients/kernel";
import { applyFact } from "../domain/apply-fact.ts";
import type { JobView } from "../domain/job.ts";
import { Refused } from "../domain/refusal.ts";
import { jobName } from "../domain/resource-names.ts";
import type { GatewayDatabase, GatewayTx } from "../store/database.ts";
import { lockJob } from "../store/jobs.ts";
import { saveWithEvent } from "./record-fact.ts";

export interface Cancelled {
  readonly view: JobView;
  /** False when it was cancelled before. */
  readonly isNew: boolean;
}

/** Cancelling twice is cancelling once; a job that ended otherwise is refused. */
export const cancelJob =
  (deps: { readonly db: GatewayDatabase }) =>
  async (projectId: AccountId, jobId: JobId): Promise<Cancelled> => {
    const cancelled = await deps.db.tx((tx) => cancel(tx, projectId, jobId));
    failpoint("gateway.job-cancelled");
    return cancelled;
  };

async function cancel(tx: GatewayTx, projectId: AccountId, jobId: JobId): Promise<Cancelled> {
  const before = await lockJob(tx, jobId);
  const name = jobName(projectId, jobId);
  if (before?.job.projectId !== projectId) throw new Refused({ code: "not_found", resource: "Job", name });
  if (before.job.state === "cancelled") return { view: before, isNew: false };
  const after = applyFact(before, { kind: "cancelled", at: tx.now });
  if (!after) throw new Refused({ code: "job_ended", name, state: before.job.state });
  const message = { jobId, cancelledAt: timestampFromDate(tx.now) };
  await appendOutbox(tx, event(JobCancelledSchema, message, { aggregateId: jobId }));
  return { view: await saveWithEvent(tx, before, after), isNew: true };
}
