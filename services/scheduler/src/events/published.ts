import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { event, type OutboxEvent } from "@gradients/bus";
import {
  AttemptFailedSchema,
  AttemptFinishedSchema,
  AttemptStartedSchema,
  AttemptWaitingSchema,
  EvaluationFailedSchema,
  EvaluationFinishedSchema,
  RaceFinishedSchema,
  WaitReason,
} from "@gradients/contracts/event";
import { fromFile, fromObject } from "@gradients/contracts/stored-object";
import type { Attempt, AttemptResult, Waiting } from "../domain/attempt.ts";
import type { Failure } from "../domain/failures.ts";
import { type HeldReason, isHeld } from "../domain/pod-facts.ts";
import type { Recipe } from "../domain/recipes.ts";
import { fromStats } from "../wire.ts";

/** An agent reported for work; evaluations start without an event of their own. */
export function startedEvents(attempt: Attempt, now: Date): readonly OutboxEvent[] {
  const { work, attemptId, jobId, hardwareClass, core } = attempt;
  if (work.kind === "evaluate") return [];
  const message = {
    ...recipeFields(work.recipe),
    jobId,
    attemptId,
    hardwareClass,
    epoch: core.epoch,
    startedAt: timestampFromDate(now),
  };
  return [event(AttemptStartedSchema, message, { aggregateId: jobId })];
}

const waitReasons: Readonly<Record<HeldReason, WaitReason>> = {
  waiting_for_quota: WaitReason.QUOTA,
  unschedulable: WaitReason.NO_MACHINE,
  pulling_image: WaitReason.IMAGE,
  refused: WaitReason.REFUSED,
};

/** The cluster's own words stay here: they name its nodes and registries. */
export function waitingEvents(attempt: Attempt, { reason }: Waiting, now: Date): readonly OutboxEvent[] {
  const { work, attemptId, jobId, core } = attempt;
  if (work.kind === "evaluate") return [];
  const message = {
    ...recipeFields(work.recipe),
    jobId,
    attemptId,
    epoch: core.epoch,
    reason: isHeld(reason) ? waitReasons[reason] : WaitReason.UNSPECIFIED,
    noticedAt: timestampFromDate(now),
  };
  return [event(AttemptWaitingSchema, message, { aggregateId: jobId })];
}

export function succeededEvents(attempt: Attempt, result: AttemptResult, now: Date): readonly OutboxEvent[] {
  const { jobId, attemptId } = attempt;
  const about = { aggregateId: jobId };
  if (result.kind === "evaluated") {
    const { scores, checks, engineVersion, device } = result;
    const message = {
      jobId,
      evaluationId: attemptId,
      scores: fromObject(scores),
      checks,
      engineVersion,
      device,
    };
    return [event(EvaluationFinishedSchema, message, about)];
  }
  const artifact = result.artifact.map(fromFile);
  const message = {
    jobId,
    attemptId,
    artifact,
    stats: fromStats(result.stats),
    finishedAt: timestampFromDate(now),
  };
  return [event(AttemptFinishedSchema, message, about)];
}

export function failedEvents(attempt: Attempt, reason: Failure, now: Date): readonly OutboxEvent[] {
  const { jobId, attemptId, work } = attempt;
  const about = { aggregateId: jobId };
  if (work.kind === "evaluate") {
    return [event(EvaluationFailedSchema, { jobId, evaluationId: attemptId, reason }, about)];
  }
  return [event(AttemptFailedSchema, { jobId, attemptId, reason, failedAt: timestampFromDate(now) }, about)];
}

/** `attempts` are all training attempts of the job, each of them over. */
export function raceFinished(jobId: string, attempts: readonly Attempt[]): OutboxEvent {
  return event(RaceFinishedSchema, { jobId, entries: attempts.flatMap(toEntry) }, { aggregateId: jobId });
}

function toEntry({ attemptId, work, result, core }: Attempt) {
  if (work.kind === "evaluate") return [];
  const trained = result?.kind === "trained" ? result : undefined;
  return [
    {
      ...recipeFields(work.recipe),
      attemptId,
      defaultRecipe: work.recipe.isDefault,
      artifact: trained?.artifact.map(fromFile) ?? [],
      ...(trained && { stats: fromStats(trained.stats) }),
      ...(core.failure && { failure: core.failure }),
      ...(core.finishedAt && { finishedAt: timestampFromDate(core.finishedAt) }),
    },
  ];
}

function recipeFields({ recipeId, title, contestantHotkey }: Recipe) {
  return { recipeId, recipeTitle: title, contestantHotkey };
}
