import { type EventHandler, on, orDeadLetter } from "@gradients/bus";
import { EvaluationFinishedSchema } from "@gradients/contracts/event";
import { toObject } from "@gradients/contracts/stored-object";
import type { EvaluationId, JobId } from "@gradients/kernel";
import { completeEvaluation } from "../app/complete-evaluation.ts";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";
import { toChecks } from "../wire.ts";

export function onEvaluationFinished(deps: DecisionDeps): EventHandler<Tables> {
  return on(
    EvaluationFinishedSchema,
    ({ jobId, evaluationId, scores, checks, engineVersion, device }, { tx }) => {
      const result = orDeadLetter(() => ({
        kind: "finished" as const,
        scores: toObject(scores, "scores object"),
        checks: toChecks(checks),
        engineVersion,
        device,
      }));
      return completeEvaluation(tx, deps, {
        jobId: jobId as JobId,
        evaluationId: evaluationId as EvaluationId,
        result,
      });
    },
  );
}
