import type { FailureReason, FileRef } from "@gradients/contracts/common";
import { type JobScored, type TrainingStats, WaitReason } from "@gradients/contracts/event";
import { type AttemptId, assertNever, type RecipeId } from "@gradients/kernel";
import {
  type Attempt,
  type AttemptStep,
  isEnded,
  type Job,
  type JobStep,
  type JobView,
  nextAttemptState,
  nextJobState,
} from "./job.ts";

/** Who races: the same in every fact about an attempt that names its recipe. */
export interface Contestant {
  readonly attemptId: AttemptId;
  readonly recipeId: RecipeId;
  readonly recipeTitle: string;
  readonly contestantHotkey: string;
}

export interface RaceResult extends Contestant {
  readonly artifact: readonly FileRef[];
  readonly stats: TrainingStats | undefined;
  readonly failure: FailureReason | undefined;
}

/** Something that happened to a job, told by the service that owns it. `at` is that service's time. */
export type JobFact = { readonly at: Date } & (
  | {
      readonly kind: "split_committed";
      readonly trainRows: number;
      readonly heldoutRows: number;
      readonly commitment: string;
      readonly droppedRows: Readonly<Record<string, number>>;
    }
  | {
      readonly kind: "attempt_waiting";
      readonly contestant: Contestant;
      readonly epoch: number;
      readonly reason: WaitReason;
    }
  | { readonly kind: "attempt_started"; readonly contestant: Contestant; readonly epoch: number }
  | {
      readonly kind: "attempt_finished";
      readonly attemptId: AttemptId;
      readonly artifact: readonly FileRef[];
      readonly stats: TrainingStats | undefined;
    }
  | {
      readonly kind: "attempt_failed";
      readonly attemptId: AttemptId;
      readonly failure: FailureReason | undefined;
    }
  | { readonly kind: "race_finished"; readonly results: readonly RaceResult[] }
  | { readonly kind: "evaluation_requested" }
  | { readonly kind: "scored"; readonly verdict: JobScored }
  | { readonly kind: "failed"; readonly failure: FailureReason | undefined }
  | { readonly kind: "cancelled" }
);

/** The view after a fact; undefined when the fact is old news and changes nothing. News of an attempt counts for the attempt also when the job has ended. */
export function applyFact(view: JobView, fact: JobFact): JobView | undefined {
  switch (fact.kind) {
    case "split_committed":
      return step(view, fact.kind, {
        trainRows: fact.trainRows,
        heldoutRows: fact.heldoutRows,
        heldoutCommitment: fact.commitment,
        droppedRows: fact.droppedRows,
      });
    case "attempt_waiting":
      return attemptWaiting(view, fact);
    case "attempt_started":
      return attemptStarted(view, fact);
    case "attempt_finished":
      return changeAttempt(view, fact.attemptId, "finished", {
        artifact: fact.artifact,
        stats: fact.stats,
        endedAt: fact.at,
      });
    case "attempt_failed":
      return changeAttempt(view, fact.attemptId, "failed", { failure: fact.failure, endedAt: fact.at });
    case "race_finished":
      return raceFinished(view, fact);
    case "evaluation_requested":
      return view.job.state === "evaluating" ? undefined : step(view, fact.kind, {});
    case "scored":
      return step(view, fact.kind, { verdict: fact.verdict, endedAt: fact.at });
    case "failed":
      return stopAttempts(step(view, fact.kind, { failure: fact.failure, endedAt: fact.at }), fact.at);
    case "cancelled":
      return stopAttempts(step(view, fact.kind, { endedAt: fact.at }), fact.at);
    default:
      return assertNever(fact);
  }
}

function step(view: JobView, name: JobStep, changes: Partial<Job>): JobView | undefined {
  const state = nextJobState(view.job.state, name);
  return state && { ...view, job: { ...view.job, ...changes, state } };
}

/** The wait is one, also when its reason changes. */
function attemptWaiting(
  view: JobView,
  { contestant, epoch, reason, at }: Extract<JobFact, { kind: "attempt_waiting" }>,
): JobView | undefined {
  const known = view.attempts.find(({ attemptId }) => attemptId === contestant.attemptId);
  if (isEnded(view.job.state) || isStale(known, epoch)) return undefined;
  const attempt = known ?? newAttempt(contestant);
  const since = attempt.waiting?.since ?? at;
  const waiting = reason === WaitReason.UNSPECIFIED ? undefined : { reason, since };
  if (known?.epoch === epoch && known.waiting?.reason === waiting?.reason) return undefined;
  const placed = { ...view, attempts: withAttempt(view.attempts, attempt) };
  return changeAttempt(placed, attempt.attemptId, "waiting", { epoch, phase: "", waiting });
}

function attemptStarted(
  view: JobView,
  { contestant, epoch, at }: Extract<JobFact, { kind: "attempt_started" }>,
): JobView | undefined {
  const known = view.attempts.find(({ attemptId }) => attemptId === contestant.attemptId);
  if (isStale(known, epoch)) return undefined;
  const moved = step(view, "attempt_started", { startedAt: view.job.startedAt ?? at }) ?? view;
  const attempt = known ?? newAttempt(contestant);
  const changes = { epoch, phase: "", failure: undefined, startedAt: attempt.startedAt ?? at };
  const after = changeAttempt(
    { ...moved, attempts: withAttempt(view.attempts, attempt) },
    attempt.attemptId,
    "started",
    changes,
  );
  return isStopped(moved) ? stopAttempts(after, at) : after;
}

/** News of a placement is old once the attempt runs in it, or is in a later one. */
function isStale(known: Attempt | undefined, epoch: number): boolean {
  return known !== undefined && (epoch < known.epoch || (known.state === "running" && epoch === known.epoch));
}

function raceFinished(
  view: JobView,
  { results, at }: Extract<JobFact, { kind: "race_finished" }>,
): JobView | undefined {
  const moved = step(view, "race_finished", {}) ?? view;
  const after = results.reduce<JobView>((current, { artifact, stats, failure, ...contestant }) => {
    const isKnown = current.attempts.some(({ attemptId }) => attemptId === contestant.attemptId);
    const added = isKnown
      ? current
      : { ...current, attempts: withAttempt(current.attempts, newAttempt(contestant)) };
    const changes = failure ? { failure, endedAt: at } : { artifact, stats, endedAt: at };
    return changeAttempt(added, contestant.attemptId, failure ? "failed" : "finished", changes) ?? added;
  }, moved);
  return after === view ? undefined : after;
}

/** Its owner may have started an attempt before it heard of the job's end. */
function isStopped({ job }: JobView): boolean {
  return job.state === "failed" || job.state === "cancelled";
}

function stopAttempts(view: JobView | undefined, at: Date): JobView | undefined {
  return view?.attempts.reduce(
    (current, { attemptId }) => changeAttempt(current, attemptId, "cancelled", { endedAt: at }) ?? current,
    view,
  );
}

function changeAttempt(
  view: JobView,
  attemptId: AttemptId,
  name: AttemptStep,
  changes: Partial<Attempt>,
): JobView | undefined {
  const attempt = view.attempts.find((candidate) => candidate.attemptId === attemptId);
  const state = attempt && nextAttemptState(attempt.state, name);
  const changed = state && { ...attempt, waiting: undefined, ...changes, state };
  return changed && { ...view, attempts: withAttempt(view.attempts, changed) };
}

/** Replaces the attempt with the same id, or adds it at the end. */
function withAttempt(attempts: readonly Attempt[], attempt: Attempt): readonly Attempt[] {
  const isKnown = attempts.some(({ attemptId }) => attemptId === attempt.attemptId);
  return isKnown
    ? attempts.map((other) => (other.attemptId === attempt.attemptId ? attempt : other))
    : [...attempts, attempt];
}

function newAttempt(contestant: Contestant): Attempt {
  return {
    ...contestant,
    state: "queued",
    epoch: 0,
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
