import { type EventHandler, on, orDeadLetter } from "@gradients/bus";
import { EvaluationFailedSchema } from "@gradients/contracts/event";
import type { EvaluationId, JobId } from "@gradients/kernel";
import { completeEvaluation } from "../app/complete-evaluation.ts";
import type { DecisionDeps } from "../deps.ts";
import type { Tables } from "../store/schema.ts";
import { toReason } from "../wire.ts";

export function onEvaluationFailed(deps: DecisionDeps): EventHandler<Tables> {
  return on(EvaluationFailedSchema, ({ jobId, evaluationId, reason }, { tx }) => {
    const result = { kind: "failed" as const, reason: orDeadLetter(() => toReason(reason)) };
    return completeEvaluation(tx, deps, {
      jobId: jobId as JobId,
      evaluationId: evaluationId as EvaluationId,
      result,
    });
  });
}
