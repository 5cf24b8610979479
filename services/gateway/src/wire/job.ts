import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { JobScored } from "@gradients/contracts/event";
import {
  Attempt_State,
  type AttemptSchema,
  Job_State,
  type Job as JobMessage,
  JobSchema,
  type PaymentSchema,
  type VerdictSchema,
  type WaitingSchema,
} from "@gradients/contracts/gateway";
import type { Attempt, AttemptState, JobState, JobView, Payment, Waiting } from "../domain/job.ts";
import { datasetName, jobName, modelName, recipeName } from "../domain/resource-names.ts";
import { waitWords } from "../domain/wait-words.ts";

const jobStates: Readonly<Record<JobState, Job_State>> = {
  accepted: Job_State.ACCEPTED,
  queued: Job_State.QUEUED,
  racing: Job_State.RACING,
  evaluating: Job_State.EVALUATING,
  succeeded: Job_State.SUCCEEDED,
  failed: Job_State.FAILED,
  cancelled: Job_State.CANCELLED,
};

const attemptStates: Readonly<Record<AttemptState, Attempt_State>> = {
  queued: Attempt_State.QUEUED,
  running: Attempt_State.RUNNING,
  succeeded: Attempt_State.SUCCEEDED,
  failed: Attempt_State.FAILED,
  cancelled: Attempt_State.CANCELLED,
};

/** The job as the customer sees it. */
export function encodeJob({ job, attempts, payments }: JobView): JobMessage {
  const { spec, projectId } = job;
  return create(JobSchema, {
    name: jobName(projectId, job.jobId),
    displayName: spec.displayName,
    model: modelName(spec.modelId),
    dataset: datasetName(projectId, spec.datasetId),
    contestants: spec.contestants,
    recipes: spec.recipeIds.map(recipeName),
    budgetSeconds: spec.budgetSeconds,
    hardwareClass: spec.hardwareClass,
    maxLength: spec.maxLength,
    state: jobStates[job.state],
    attempts: attempts.map(encodeAttempt),
    trainRows: job.trainRows,
    heldoutRows: job.heldoutRows,
    heldoutCommitment: job.heldoutCommitment,
    droppedRows: { ...job.droppedRows },
    ...(job.verdict && { verdict: encodeVerdict(job.verdict) }),
    ...(job.failure && { failure: job.failure }),
    createTime: timestampFromDate(job.createdAt),
    ...timeIf("startTime", job.startedAt),
    ...timeIf("endTime", job.endedAt),
    eventOffset: job.eventOffset,
    payments: payments.map(encodePayment),
  });
}

function encodeAttempt(attempt: Attempt): MessageInitShape<typeof AttemptSchema> {
  return {
    attemptId: attempt.attemptId,
    recipe: recipeName(attempt.recipeId),
    recipeTitle: attempt.recipeTitle,
    contestantHotkey: attempt.contestantHotkey,
    state: attemptStates[attempt.state],
    phase: attempt.phase,
    ...(attempt.latest && { latest: attempt.latest }),
    ...(attempt.stats && { stats: attempt.stats }),
    ...(attempt.failure && { failure: attempt.failure }),
    ...(attempt.waiting && { waiting: encodeWaiting(attempt.waiting) }),
    ...timeIf("startTime", attempt.startedAt),
    ...timeIf("endTime", attempt.endedAt),
  };
}

function encodeWaiting({ reason, since }: Waiting): MessageInitShape<typeof WaitingSchema> {
  return { reason, ...waitWords[reason], since: timestampFromDate(since) };
}

function encodeVerdict(verdict: JobScored): MessageInitShape<typeof VerdictSchema> {
  const {
    ranking,
    winnerAttemptId,
    tie,
    baseLoss,
    baseExactMatch,
    heldoutRows,
    samples,
    revealedSalt,
    evidence,
  } = verdict;
  return {
    ranking,
    winnerAttemptId,
    tie,
    baseLoss,
    baseExactMatch,
    heldoutRows,
    samples,
    revealedSalt,
    evidenceSha256: evidence?.sha256 ?? "",
  };
}

function encodePayment({
  contestantHotkey,
  amountRao,
  epoch,
  blockNumber,
}: Payment): MessageInitShape<typeof PaymentSchema> {
  return { contestantHotkey, amountRao: amountRao.toString(), epoch, blockNumber };
}

function timeIf<Key extends string>(key: Key, time: Date | undefined): { [K in Key]?: Timestamp } {
  return (time ? { [key]: timestampFromDate(time) } : {}) as { [K in Key]?: Timestamp };
}
