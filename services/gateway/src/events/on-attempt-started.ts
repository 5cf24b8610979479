import { on } from "@gradients/bus";
import { AttemptStartedSchema } from "@gradients/contracts/event";
import type { GatewayTables } from "../store/schema.ts";
import { contestantOf, type HandlerDeps, takeIn, timeOf } from "./facts.ts";

export const onAttemptStarted = (deps: HandlerDeps) =>
  on<typeof AttemptStartedSchema, GatewayTables>(AttemptStartedSchema, (message, { tx, time }) =>
    takeIn(deps, tx, AttemptStartedSchema, message.jobId, {
      kind: "attempt_started",
      at: timeOf(message.startedAt, time),
      epoch: message.epoch,
      contestant: contestantOf(message),
    }),
  );
