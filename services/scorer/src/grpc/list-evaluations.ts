import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type EvaluationSchema,
  EvaluationState,
  type ListEvaluationsRequest,
  type ListEvaluationsResponseSchema,
} from "@gradients/contracts/scorer";
import { fromObject } from "@gradients/contracts/stored-object";
import type { Deps } from "../deps.ts";
import type { Evaluation } from "../domain/evaluation.ts";
import { listEvaluations as list } from "../store/evaluations.ts";
import { fromReason } from "../wire.ts";
import { findKnownJob } from "./find-known-job.ts";

export const listEvaluations =
  (deps: Pick<Deps, "db">) =>
  async ({
    jobId,
  }: ListEvaluationsRequest): Promise<MessageInitShape<typeof ListEvaluationsResponseSchema>> => {
    const job = await findKnownJob(deps, jobId);
    const evaluations = await list(deps.db, job.jobId);
    return { evaluations: evaluations.map((evaluation) => toMessage(jobId, evaluation)) };
  };

function toMessage(
  jobId: string,
  { evaluationId, attemptId, result }: Evaluation,
): MessageInitShape<typeof EvaluationSchema> {
  const same = { evaluationId, jobId, attemptId: attemptId ?? "" };
  if (!result) return { ...same, state: EvaluationState.REQUESTED };
  if (result.kind === "failed")
    return { ...same, state: EvaluationState.FAILED, failure: fromReason(result.reason) };
  const { scores, checks } = result;
  return { ...same, state: EvaluationState.FINISHED, scores: fromObject(scores), checks };
}
