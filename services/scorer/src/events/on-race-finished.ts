import { type EventHandler, on, orDeadLetter } from "@gradients/bus";
import { RaceFinishedSchema } from "@gradients/contracts/event";
import type { JobId } from "@gradients/kernel";
import { startEvaluations } from "../app/start-evaluations.ts";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";
import { toRaceEntry } from "../wire.ts";

export function onRaceFinished(deps: DecisionDeps): EventHandler<Tables> {
  return on(RaceFinishedSchema, ({ jobId, entries }, { tx }) => {
    const race = orDeadLetter(() => entries.map(toRaceEntry));
    return startEvaluations(tx, deps, jobId as JobId, race);
  });
}
