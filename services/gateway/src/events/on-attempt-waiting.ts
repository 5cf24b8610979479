import { on } from "@gradients/bus";
import { AttemptWaitingSchema } from "@gradients/contracts/event";
import type { AttemptId, RecipeId } from "@gradients/kernel";
import type { GatewayTables } from "../store/schema.ts";
import { type HandlerDeps, takeIn, timeOf } from "./facts.ts";

export const onAttemptWaiting = (deps: HandlerDeps) =>
  on<typeof AttemptWaitingSchema, GatewayTables>(AttemptWaitingSchema, (message, { tx, time }) =>
    takeIn(deps, tx, AttemptWaitingSchema, message.jobId, {
      kind: "attempt_waiting",
      at: timeOf(message.noticedAt, time),
      epoch: message.epoch,
      reason: message.reason,
      contestant: {
        attemptId: message.attemptId as AttemptId,
        recipeId: message.recipeId as RecipeId,
        recipeTitle: message.recipeTitle,
        contestantHotkey: message.contestantHotkey,
      },
    }),
  );
