import { on } from "@gradients/bus";
import { AttemptWaitingSchema } from "@gradients/contracts/event";
import type { GatewayTables } from "../store/schema.ts";
import { contestantOf, type HandlerDeps, takeIn, timeOf } from "./facts.ts";

export const onAttemptWaiting = (deps: HandlerDeps) =>
  on<typeof AttemptWaitingSchema, GatewayTables>(AttemptWaitingSchema, (message, { tx, time }) =>
    takeIn(deps, tx, AttemptWaitingSchema, message.jobId, {
      kind: "attempt_waiting",
      at: timeOf(message.noticedAt, time),
      epoch: message.epoch,
      reason: message.reason,
      contestant: contestantOf(message),
    }),
  );
