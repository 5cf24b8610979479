import type { Deps } from "../deps.ts";
import { deadlineExceeded } from "../domain/failures.ts";
import { lockJob } from "../store/jobs.ts";
import { finishTask, type Task } from "../store/tasks.ts";
import { failJob } from "./end-job.ts";

/** The deadline has come: a job that has no result by now ends without one. */
export async function expireJob(deps: Deps, task: Task): Promise<void> {
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, task.jobId);
    await finishTask(tx, task);
    if (job) await failJob(tx, deps, job, deadlineExceeded(job.state, job.deadline));
  });
}
