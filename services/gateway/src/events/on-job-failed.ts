import { on } from "@gradients/bus";
import { JobFailedSchema } from "@gradients/contracts/event";
import type { GatewayTables } from "../store/schema.ts";
import { type HandlerDeps, takeIn, timeOf } from "./facts.ts";

export const onJobFailed = (deps: HandlerDeps) =>
  on<typeof JobFailedSchema, GatewayTables>(JobFailedSchema, (message, { tx, time }) =>
    takeIn(deps, tx, JobFailedSchema, message.jobId, {
      kind: "failed",
      at: timeOf(message.failedAt, time),
      failure: message.reason,
    }),
  );
