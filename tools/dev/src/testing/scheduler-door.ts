import { type Attempt, SchedulerService } from "@gradients/contracts/scheduler";
import { createRpcClient } from "@gradients/rpc";
import { door } from "./installation.ts";

/** What the scheduler itself knows of a job's attempts; asked of a pod that runs now. */
export async function attemptsOf(job: string): Promise<readonly Attempt[]> {
  const target = await door("scheduler");
  const client = createRpcClient(SchedulerService, { target, defaultDeadlineMs: 10_000 });
  try {
    return (await client.listAttempts({ jobId: job.split("/").at(-1) ?? "" })).attempts;
  } finally {
    client.close();
  }
}

/** Of trainings: the first one and one more for each time that an attempt was placed again. */
export async function countPlacements(job: string): Promise<number> {
  const trained = (await attemptsOf(job)).filter(({ recipeId }) => recipeId !== "");
  return trained.reduce((sum, { epoch }) => sum + epoch + 1, 0);
}
