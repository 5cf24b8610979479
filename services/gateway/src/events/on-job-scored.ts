import { on } from "@gradients/bus";
import { JobScoredSchema } from "@gradients/contracts/event";
import type { GatewayTables } from "../store/schema.ts";
import { type HandlerDeps, takeIn, timeOf } from "./facts.ts";

export const onJobScored = (deps: HandlerDeps) =>
  on<typeof JobScoredSchema, GatewayTables>(JobScoredSchema, (message, { tx, time }) =>
    takeIn(deps, tx, JobScoredSchema, message.jobId, {
      kind: "scored",
      at: timeOf(message.scoredAt, time),
      verdict: message,
    }),
  );
