import { type EventHandler, on, orDeadLetter } from "@gradients/bus";
import { type EvaluationRequested, EvaluationRequestedSchema } from "@gradients/contracts/event";
import { toFile, toObject } from "@gradients/contracts/stored-object";
import type { JobId } from "@gradients/kernel";
import { requestEvaluation } from "../app/request-evaluation.ts";
import type { DecisionDeps } from "../deps.ts";
import type { Evaluation } from "../domain/attempt.ts";
import type { Tables } from "../store/schema.ts";
import { toColumns } from "../wire.ts";

export function onEvaluationRequested(deps: DecisionDeps): EventHandler<Tables> {
  return on(EvaluationRequestedSchema, (message, { tx }) => {
    const { evaluationId, hardwareClass } = message;
    const evaluation = orDeadLetter(() => toEvaluation(message));
    return requestEvaluation(tx, deps, {
      jobId: message.jobId as JobId,
      evaluationId,
      hardwareClass,
      evaluation,
    });
  });
}

function toEvaluation(message: EvaluationRequested): Evaluation {
  return {
    baseModel: (message.baseModel?.files ?? []).map(toFile),
    artifact: message.artifact.map(toFile),
    heldout: toObject(message.heldout, "held-out rows"),
    columns: toColumns(message.columns),
    maxLength: message.maxLength,
    generateRows: message.generateRows,
    maxNewTokens: message.maxNewTokens,
  };
}
