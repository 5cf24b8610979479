import type { Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import type { DecisionDeps } from "../deps.ts";
import { isFinal } from "../domain/attempt-machine.ts";
import { jobAfter } from "../domain/job-machine.ts";
import { listAttemptsOfJob } from "../store/attempts.ts";
import { lockJob, saveJob } from "../store/jobs.ts";
import type { Tables } from "../store/schema.ts";
import { clearTimer } from "../store/timers.ts";
import { wakeControlLoop } from "../store/wake.ts";
import { moveAttempt } from "./move-attempt.ts";

/** The job is over, for whatever reason: nothing of it is started any more and what runs is stopped. */
export async function closeJob(tx: Tx<Tables>, deps: DecisionDeps, jobId: JobId): Promise<void> {
  const job = await lockJob(tx, jobId);
  const state = jobAfter(job.state, "ended");
  if (!state) return;
  const closed = { ...job, state };
  await saveJob(tx, closed);
  const open = (await listAttemptsOfJob(tx, jobId)).filter(({ core }) => !isFinal(core.state));
  for (const { attemptId } of open) {
    await moveAttempt(tx, deps, closed, attemptId, { type: "cancel" });
    await clearTimer(tx, "attempt_deadline", attemptId);
  }
  await clearTimer(tx, "job_deadline", jobId);
  wakeControlLoop(tx);
  deps.observe.jobClosed(jobId, open.length);
}
