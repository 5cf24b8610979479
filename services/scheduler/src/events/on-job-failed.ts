import { type EventHandler, on } from "@gradients/bus";
import { JobFailedSchema } from "@gradients/contracts/event";
import type { JobId } from "@gradients/kernel";
import { closeJob } from "../app/close-job.ts";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";

/** The scorer has given the job up. */
export function onJobFailed(deps: DecisionDeps): EventHandler<Tables> {
  return on(JobFailedSchema, ({ jobId }, { tx }) => closeJob(tx, deps, jobId as JobId));
}
