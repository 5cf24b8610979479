import type { Deps } from "../deps.ts";
import { jobFailure } from "../domain/failures.ts";
import { lockJob } from "../store/jobs.ts";
import { finishTask, type Task } from "../store/tasks.ts";
import { failJob } from "./end-job.ts";

const doing = { split: "splitting the data set", judge: "computing the verdict", deadline: "ending the job" };

/** A task has failed too often: the job ends with the platform to blame, rather than hang. */
export async function giveUpTask(deps: Deps, task: Task): Promise<void> {
  const message = `The platform failed ${task.tries} times while ${doing[task.kind]}. Your data is not the cause; start the job again or ask the operator.`;
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, task.jobId);
    await finishTask(tx, task);
    if (job) await failJob(tx, deps, job, jobFailure("PLATFORM_FAULT", message, false));
  });
}
