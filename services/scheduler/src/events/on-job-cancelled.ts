import { type EventHandler, on } from "@gradients/bus";
import { JobCancelledSchema } from "@gradients/contracts/event";
import type { JobId } from "@gradients/kernel";
import { closeJob } from "../app/close-job.ts";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";

/** The customer does not want the job any more. */
export function onJobCancelled(deps: DecisionDeps): EventHandler<Tables> {
  return on(JobCancelledSchema, ({ jobId }, { tx }) => closeJob(tx, deps, jobId as JobId));
}
