import { on } from "@gradients/bus";
import { AttemptFinishedSchema } from "@gradients/contracts/event";
import type { AttemptId } from "@gradients/kernel";
import type { GatewayTables } from "../store/schema.ts";
import { type HandlerDeps, takeIn, timeOf } from "./facts.ts";

export const onAttemptFinished = (deps: HandlerDeps) =>
  on<typeof AttemptFinishedSchema, GatewayTables>(AttemptFinishedSchema, (message, { tx, time }) =>
    takeIn(deps, tx, AttemptFinishedSchema, message.jobId, {
      kind: "attempt_finished",
      at: timeOf(message.finishedAt, time),
      attemptId: message.attemptId as AttemptId,
      artifact: message.artifact,
      stats: message.stats,
    }),
  );
