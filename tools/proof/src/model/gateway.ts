import { create } from "@bufbuild/protobuf";
import { FailureReasonSchema } from "@gradients/contracts/common";
import { JobScoredSchema } from "@gradients/contracts/event";
import type { AccountId, AttemptId, DatasetId, JobId, ModelId, RecipeId } from "@gradients/kernel";
import {
  applyFact,
  type Contestant,
  type JobFact,
} from "../../../../services/gateway/src/domain/apply-fact.ts";
import type { Attempt, Job, JobView } from "../../../../services/gateway/src/domain/job.ts";
import { isFinal } from "../../../../services/scheduler/src/domain/attempt-machine.ts";
import type { Message } from "./messages.ts";
import type { GatewayAttempt, JobWorld } from "./world.ts";

const AT = new Date(1_000_000);

/** The product's own view of a job takes the event in; an entry in the job's log is the effect. */
export function gatewayTakes(job: JobWorld, message: Message): "changed" | "nothing" {
  return takeFact(job, toFact(job, message));
}

/** The customer's wish; false when the job has ended already. */
export function cancelByCustomer(job: JobWorld): boolean {
  return job.gateway.state !== "cancelled" && takeFact(job, { kind: "cancelled", at: AT }) === "changed";
}

function takeFact(job: JobWorld, fact: JobFact): "changed" | "nothing" {
  const after = applyFact(toView(job), fact);
  if (!after) return "nothing";
  job.gateway.state = after.job.state;
  for (const { attemptId, state, epoch } of after.attempts)
    job.gateway.attempts[Number(attemptId)] = { state, epoch };
  return "changed";
}

function toFact(job: JobWorld, { type, index = 0, epoch = 0 }: Message): JobFact {
  const about = { at: AT, attemptId: String(index) as AttemptId };
  switch (type) {
    case "SplitCommitted":
      return {
        kind: "split_committed",
        at: AT,
        trainRows: 1,
        heldoutRows: 1,
        commitment: "00",
        droppedRows: {},
      };
    case "AttemptStarted":
      return { kind: "attempt_started", at: AT, contestant: contestant(index), epoch };
    case "AttemptFinished":
      return { kind: "attempt_finished", ...about, artifact: [], stats: undefined };
    case "AttemptFailed":
      return { kind: "attempt_failed", ...about, failure };
    case "RaceFinished":
      return { kind: "race_finished", at: AT, results: raceResults(job) };
    case "EvaluationRequested":
      return { kind: "evaluation_requested", at: AT };
    case "JobScored":
      return { kind: "scored", at: AT, verdict };
    case "JobFailed":
      return { kind: "failed", at: AT, failure };
    default:
      throw new Error(`the gateway does not hear of ${type}`);
  }
}

/** The race's attempts are final when it is said to be over, so the event holds what they are still. */
function raceResults(job: JobWorld) {
  return job.gateway.attempts.flatMap((_, index) => {
    const attempt = job.attempts[index];
    if (!attempt || !isFinal(attempt.state)) return [];
    const isFailed = attempt.state !== "succeeded";
    return [
      { ...contestant(index), artifact: [], stats: undefined, failure: isFailed ? failure : undefined },
    ];
  });
}

const verdict = create(JobScoredSchema);
const failure = create(FailureReasonSchema, { code: "INTERNAL" });

function contestant(index: number): Contestant {
  const recipeId = String(index) as RecipeId;
  return { attemptId: String(index) as AttemptId, recipeId, recipeTitle: "", contestantHotkey: "" };
}

function toView({ gateway }: JobWorld): JobView {
  const attempts = gateway.attempts.flatMap((attempt, index) => (attempt ? [toAttempt(attempt, index)] : []));
  return { job: { ...blankJob, state: gateway.state }, attempts, payments: [] };
}

function toAttempt({ state, epoch }: GatewayAttempt, index: number): Attempt {
  return {
    ...contestant(index),
    state,
    epoch,
    phase: "",
    latest: undefined,
    stats: undefined,
    artifact: [],
    failure: undefined,
    waiting: undefined,
    startedAt: undefined,
    endedAt: undefined,
  };
}

const blankJob: Omit<Job, "state"> = {
  jobId: "job" as JobId,
  projectId: "project" as AccountId,
  spec: {
    displayName: "",
    modelId: "model" as ModelId,
    datasetId: "dataset" as DatasetId,
    contestants: 1,
    recipeIds: [],
    budgetSeconds: 1,
    hardwareClass: "",
    maxLength: 1,
  },
  trainRows: 0,
  heldoutRows: 0,
  heldoutCommitment: "",
  droppedRows: {},
  verdict: undefined,
  failure: undefined,
  createdAt: AT,
  startedAt: undefined,
  endedAt: undefined,
  eventOffset: 0n,
};
