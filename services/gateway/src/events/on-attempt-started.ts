import { on } from "@gradients/bus";
import { AttemptStartedSchema } from "@gradients/contracts/event";
import type { AttemptId, RecipeId } from "@gradients/kernel";
import type { GatewayTables } from "../store/schema.ts";
import { type HandlerDeps, takeIn, timeOf } from "./facts.ts";

export const onAttemptStarted = (deps: HandlerDeps) =>
  on<typeof AttemptStartedSchema, GatewayTables>(AttemptStartedSchema, (message, { tx, time }) =>
    takeIn(deps, tx, AttemptStartedSchema, message.jobId, {
      kind: "attempt_started",
      at: timeOf(message.startedAt, time),
      epoch: message.epoch,
      contestant: {
        attemptId: message.attemptId as AttemptId,
        recipeId: message.recipeId as RecipeId,
        recipeTitle: message.recipeTitle,
        contestantHotkey: message.contestantHotkey,
      },
    }),
  );
