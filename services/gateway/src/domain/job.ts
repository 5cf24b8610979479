import type { FailureReason, FileRef } from "@gradients/contracts/common";
import type { JobScored, ProgressPoint, TrainingStats, WaitReason } from "@gradients/contracts/event";
import type { AccountId, AttemptId, DatasetId, JobId, ModelId, RecipeId } from "@gradients/kernel";

export type JobState = "accepted" | "queued" | "racing" | "evaluating" | "succeeded" | "failed" | "cancelled";

export type JobStep =
  | "split_committed"
  | "attempt_started"
  | "race_finished"
  | "evaluation_requested"
  | "scored"
  | "failed"
  | "cancelled";

const ends = { scored: "succeeded", failed: "failed", cancelled: "cancelled" } as const;

/**
 * Where a fact takes a job. The bus may deliver facts of different services out of order, so an early one moves the job ahead and a late one leaves
 * it where it is; an ended job stays as it ended. Only a verdict that crossed with the customer's cancelling wins over it: the chain pays for it.
 */
export const jobTransitions = {
  accepted: {
    ...ends,
    split_committed: "queued",
    attempt_started: "racing",
    race_finished: "evaluating",
    evaluation_requested: "evaluating",
  },
  queued: {
    ...ends,
    split_committed: "queued",
    attempt_started: "racing",
    race_finished: "evaluating",
    evaluation_requested: "evaluating",
  },
  racing: {
    ...ends,
    split_committed: "racing",
    attempt_started: "racing",
    race_finished: "evaluating",
    evaluation_requested: "evaluating",
  },
  evaluating: {
    ...ends,
    split_committed: "evaluating",
    attempt_started: "evaluating",
    race_finished: "evaluating",
    evaluation_requested: "evaluating",
  },
  succeeded: {},
  failed: {},
  cancelled: { scored: ends.scored },
} as const satisfies Record<JobState, Partial<Record<JobStep, JobState>>>;

export type AttemptState = "queued" | "running" | "succeeded" | "failed" | "cancelled";
export type AttemptStep = "waiting" | "started" | "finished" | "failed" | "cancelled";

/** A retry waits again, or starts a running attempt again; a finished one never comes back. One that was cancelled with its job may have finished before its owner knew. */
export const attemptTransitions = {
  queued: {
    waiting: "queued",
    started: "running",
    finished: "succeeded",
    failed: "failed",
    cancelled: "cancelled",
  },
  running: {
    waiting: "queued",
    started: "running",
    finished: "succeeded",
    failed: "failed",
    cancelled: "cancelled",
  },
  succeeded: {},
  failed: {},
  cancelled: { finished: "succeeded" },
} as const satisfies Record<AttemptState, Partial<Record<AttemptStep, AttemptState>>>;

/** What the customer ordered, with every default filled in. */
export interface JobSpec {
  readonly displayName: string;
  readonly modelId: ModelId;
  readonly datasetId: DatasetId;
  readonly contestants: number;
  readonly recipeIds: readonly RecipeId[];
  readonly budgetSeconds: number;
  readonly hardwareClass: string;
  /** In tokens. */
  readonly maxLength: number;
}

/** The job as its customer sees it. */
export interface Job {
  readonly jobId: JobId;
  readonly projectId: AccountId;
  readonly spec: JobSpec;
  readonly state: JobState;
  readonly trainRows: number;
  readonly heldoutRows: number;
  readonly heldoutCommitment: string;
  /** Rows of the data set that the split left out, by reason. */
  readonly droppedRows: Readonly<Record<string, number>>;
  readonly verdict: JobScored | undefined;
  readonly failure: FailureReason | undefined;
  readonly createdAt: Date;
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
  /** Offset of the newest entry in the job's event log. */
  readonly eventOffset: bigint;
}

export interface Attempt {
  readonly attemptId: AttemptId;
  readonly recipeId: RecipeId;
  readonly recipeTitle: string;
  readonly contestantHotkey: string;
  readonly state: AttemptState;
  /** Placements so far, counted from 0; facts of an older placement are stale. */
  readonly epoch: number;
  readonly phase: string;
  readonly latest: ProgressPoint | undefined;
  readonly stats: TrainingStats | undefined;
  readonly artifact: readonly FileRef[];
  readonly failure: FailureReason | undefined;
  /** What is in its way while it is queued. */
  readonly waiting: Waiting | undefined;
  readonly startedAt: Date | undefined;
  readonly endedAt: Date | undefined;
}

export interface Waiting {
  readonly reason: WaitReason;
  readonly since: Date;
}

/** What the chain paid one contestant while this job's verdict was part of the weights: the sum, with epoch and block of the last part. */
export interface Payment {
  readonly contestantHotkey: string;
  readonly amountRao: bigint;
  readonly epoch: bigint;
  readonly blockNumber: bigint;
}

/** A job with what hangs on it. */
export interface JobView {
  readonly job: Job;
  readonly attempts: readonly Attempt[];
  readonly payments: readonly Payment[];
}

export function isEnded(state: JobState): boolean {
  return state === "succeeded" || state === "failed" || state === "cancelled";
}

/** The state after a step; undefined when the job has already ended and the step changes nothing. */
export function nextJobState(state: JobState, step: JobStep): JobState | undefined {
  const steps: Partial<Record<JobStep, JobState>> = jobTransitions[state];
  return steps[step];
}

/** The state after a step; undefined when the attempt has already ended. */
export function nextAttemptState(state: AttemptState, step: AttemptStep): AttemptState | undefined {
  const steps: Partial<Record<AttemptStep, AttemptState>> = attemptTransitions[state];
  return steps[step];
}
