import { type EventHandler, on } from "@gradients/bus";
import { JobCancelledSchema } from "@gradients/contracts/event";
import type { JobId } from "@gradients/kernel";
import { cancelJob } from "../app/end-job.ts";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";

export function onJobCancelled(deps: DecisionDeps): EventHandler<Tables> {
  return on(JobCancelledSchema, ({ jobId }, { tx }) => cancelJob(tx, deps, jobId as JobId));
}
