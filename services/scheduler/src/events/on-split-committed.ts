import { type EventHandler, on, orDeadLetter } from "@gradients/bus";
import { SplitCommittedSchema } from "@gradients/contracts/event";
import { toObject } from "@gradients/contracts/stored-object";
import type { JobId } from "@gradients/kernel";
import { learnAboutJob } from "../app/start-race.ts";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";

export function onSplitCommitted(deps: DecisionDeps): EventHandler<Tables> {
  return on(SplitCommittedSchema, (message, { tx }) => {
    const train = orDeadLetter(() => toObject(message.train, "training rows"));
    return learnAboutJob(tx, deps, message.jobId as JobId, { train });
  });
}
