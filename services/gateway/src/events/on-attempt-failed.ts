import { on } from "@gradients/bus";
import { AttemptFailedSchema } from "@gradients/contracts/event";
import type { AttemptId } from "@gradients/kernel";
import type { GatewayTables } from "../store/schema.ts";
import { type HandlerDeps, takeIn, timeOf } from "./facts.ts";

export const onAttemptFailed = (deps: HandlerDeps) =>
  on<typeof AttemptFailedSchema, GatewayTables>(AttemptFailedSchema, (message, { tx, time }) =>
    takeIn(deps, tx, AttemptFailedSchema, message.jobId, {
      kind: "attempt_failed",
      at: timeOf(message.failedAt, time),
      attemptId: message.attemptId as AttemptId,
      failure: message.reason,
    }),
  );
