import { DigestMismatch, ObjectNotFound } from "@gradients/objects";
import type { Deps } from "../deps.ts";
import { datasetUnreadable, platformFault } from "../domain/failures.ts";
import { lockJob } from "../store/jobs.ts";
import { finishTask, type Task } from "../store/tasks.ts";
import { failJob } from "./end-job.ts";

/** A task has failed too often, the last time with this error: the job ends rather than hang. */
export async function giveUpTask(deps: Deps, task: Task, error: unknown): Promise<void> {
  const isLost =
    task.kind === "split" && (error instanceof DigestMismatch || error instanceof ObjectNotFound);
  const reason = isLost ? datasetUnreadable : platformFault(task.kind, task.tries);
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, task.jobId);
    await finishTask(tx, task);
    if (job) await failJob(tx, deps, job, reason);
  });
}
