import { DigestMismatch, ObjectNotFound } from "@gradients/objects";
import type { Deps } from "../deps.ts";
import { datasetUnreadable, platformFault, processLost } from "../domain/failures.ts";
import type { Reason } from "../domain/reason.ts";
import { lockJob } from "../store/jobs.ts";
import { finishTask, type Task } from "../store/tasks.ts";
import { failJob } from "./end-job.ts";

/** A task has failed too often, the last time with this error: the job ends rather than hang. */
export function giveUpTask(deps: Deps, task: Task, error: unknown): Promise<void> {
  const isLost =
    task.kind === "split" && (error instanceof DigestMismatch || error instanceof ObjectNotFound);
  return endJob(deps, task, isLost ? datasetUnreadable : platformFault(task.kind, task.tries));
}

/** A task was claimed again and again by processes that never came to say what went wrong. */
export function giveUpDeadlyTask(deps: Deps, task: Task): Promise<void> {
  return endJob(deps, task, processLost(task.kind, task.tries - 1));
}

async function endJob(deps: Deps, task: Task, reason: Reason): Promise<void> {
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, task.jobId);
    await finishTask(tx, task);
    if (job) await failJob(tx, deps, job, reason);
  });
}
