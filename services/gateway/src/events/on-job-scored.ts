import { on } from "@gradients/bus";
import { JobScoredSchema } from "@gradients/contracts/event";
import type { JobId } from "@gradients/kernel";
import { recordEarlierRewards } from "../app/record-payments.ts";
import { lockPayments } from "../store/rewards.ts";
import type { GatewayTables } from "../store/schema.ts";
import { type HandlerDeps, takeIn, timeOf } from "./facts.ts";

export const onJobScored = (deps: HandlerDeps) =>
  on<typeof JobScoredSchema, GatewayTables>(JobScoredSchema, async (message, { tx, time }) => {
    await lockPayments(tx);
    await takeIn(deps, tx, JobScoredSchema, message.jobId, {
      kind: "scored",
      at: timeOf(message.scoredAt, time),
      verdict: message,
    });
    await recordEarlierRewards(tx, message.jobId as JobId);
  });
