import { type EventHandler, on, orDeadLetter } from "@gradients/bus";
import { JobAcceptedSchema } from "@gradients/contracts/event";
import type { JobId } from "@gradients/kernel";
import { learnAboutJob } from "../app/start-race.ts";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";
import { toOrder } from "../wire.ts";

export function onJobAccepted(deps: DecisionDeps): EventHandler<Tables> {
  return on(JobAcceptedSchema, (message, { tx, time }) => {
    const order = orDeadLetter(() => toOrder(message, time));
    return learnAboutJob(tx, deps, message.jobId as JobId, { order });
  });
}
