import { on } from "@gradients/bus";
import { type RaceEntry, RaceFinishedSchema } from "@gradients/contracts/event";
import type { AttemptId, RecipeId } from "@gradients/kernel";
import type { RaceResult } from "../domain/apply-fact.ts";
import type { GatewayTables } from "../store/schema.ts";
import { type HandlerDeps, takeIn } from "./facts.ts";

export const onRaceFinished = (deps: HandlerDeps) =>
  on<typeof RaceFinishedSchema, GatewayTables>(RaceFinishedSchema, (message, { tx, time }) =>
    takeIn(deps, tx, RaceFinishedSchema, message.jobId, {
      kind: "race_finished",
      at: time,
      results: message.entries.map(toResult),
    }),
  );

function toResult({
  attemptId,
  recipeId,
  recipeTitle,
  contestantHotkey,
  artifact,
  stats,
  failure,
}: RaceEntry): RaceResult {
  const contestant = {
    attemptId: attemptId as AttemptId,
    recipeId: recipeId as RecipeId,
    recipeTitle,
    contestantHotkey,
  };
  return { ...contestant, artifact, stats, failure };
}
