import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { event, type OutboxEvent } from "@gradients/bus";
import {
  EvaluationRequestedSchema,
  JobFailedSchema,
  type JobScored,
  JobScoredSchema,
  SplitCommittedSchema,
} from "@gradients/contracts/event";
import { fromFile, fromObject } from "@gradients/contracts/stored-object";
import type { JobId } from "@gradients/kernel";
import type { ScorerRules } from "../deps.ts";
import type { Evaluation } from "../domain/evaluation.ts";
import type { CommittedSplit, Job, RaceEntry } from "../domain/job.ts";
import type { Reason } from "../domain/reason.ts";
import { fromBaseModel, fromColumns, fromReason } from "../wire.ts";

/** Neither salt nor held-out rows are in it. */
export function splitCommitted(
  jobId: JobId,
  { train, trainRows, heldoutRows, commitment, droppedRows }: CommittedSplit,
): OutboxEvent {
  const message = {
    jobId,
    train: fromObject(train),
    trainRows,
    heldoutRows: heldoutRows.length,
    heldoutCommitment: commitment,
    droppedRows,
  };
  return event(SplitCommittedSchema, message, { aggregateId: jobId });
}

export function evaluationsRequested(
  { jobId, order }: Job,
  split: CommittedSplit,
  entries: readonly RaceEntry[],
  evaluations: readonly Evaluation[],
  { generateRows, maxNewTokens }: ScorerRules,
): readonly OutboxEvent[] {
  const same = {
    jobId,
    baseModel: fromBaseModel(order.baseModel),
    heldout: fromObject(split.heldout),
    columns: fromColumns(order.dataset.columns),
    maxLength: order.maxLength,
    generateRows,
    maxNewTokens,
    hardwareClass: order.hardwareClass,
  };
  return evaluations.map(({ evaluationId, attemptId }) => {
    const artifact = entries.find((entry) => entry.attemptId === attemptId)?.artifact ?? [];
    const message = { ...same, evaluationId, attemptId: attemptId ?? "", artifact: artifact.map(fromFile) };
    return event(EvaluationRequestedSchema, message, { aggregateId: jobId });
  });
}

export function jobScored(message: JobScored): OutboxEvent {
  return event(JobScoredSchema, message, { aggregateId: message.jobId });
}

export function jobFailed(jobId: JobId, reason: Reason, now: Date): OutboxEvent {
  const message = { jobId, reason: fromReason(reason), failedAt: timestampFromDate(now) };
  return event(JobFailedSchema, message, { aggregateId: jobId });
}
