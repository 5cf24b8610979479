import { randomBytes } from "node:crypto";
import type { Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import type { DecisionDeps } from "../deps.ts";
import type { JobOrder } from "../domain/job.ts";
import { insertJob } from "../store/jobs.ts";
import type { Tables } from "../store/schema.ts";
import { addTask } from "../store/tasks.ts";

const SALT_BYTES = 32;

/** Notes the job with its secret salt and the two things that are due: the split now, the deadline later. The split itself runs from its task. */
export async function acceptJob(
  tx: Tx<Tables>,
  { observe, rules }: DecisionDeps,
  {
    jobId,
    order,
    deadline,
  }: { readonly jobId: JobId; readonly order: JobOrder; readonly deadline: Date | undefined },
): Promise<void> {
  const dueAt = deadline ?? new Date(tx.now.getTime() + rules.deadlineSeconds * 1_000);
  const job = { jobId, state: "splitting" as const, order, salt: randomBytes(SALT_BYTES), deadline: dueAt };
  if (!(await insertJob(tx, job))) return;
  await addTask(tx, "split", jobId, tx.now);
  await addTask(tx, "deadline", jobId, dueAt);
  observe.jobAccepted(jobId, dueAt);
}
