import { type EventHandler, on } from "@gradients/bus";
import { JobScoredSchema } from "@gradients/contracts/event";
import type { JobId } from "@gradients/kernel";
import { closeJob } from "../app/close-job.ts";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";

/** The verdict is there: nothing of the job is left to run. */
export function onJobScored(deps: DecisionDeps): EventHandler<Tables> {
  return on(JobScoredSchema, ({ jobId }, { tx }) => closeJob(tx, deps, jobId as JobId));
}
