import { type Logger, meter } from "@gradients/runtime";
import type { Attempt } from "./domain/attempt.ts";
import type { AttemptCommand, AttemptFact } from "./domain/attempt-machine.ts";
import type { Failure } from "./domain/failures.ts";

/** Business facts: one function each, a figure and a log line together. */
export type Observe = ReturnType<typeof createObserve>;

export function createObserve(logger: Logger) {
  const figures = meter("scheduler");
  const facts = figures.createCounter("gradients_attempt_facts", {
    description: "Steps of attempts through their states",
  });
  const races = figures.createCounter("gradients_races", { description: "Races by how they went" });
  const queueSeconds = figures.createHistogram("gradients_attempt_queue_seconds", {
    unit: "s",
    description: "From queued to placed",
  });
  const passSeconds = figures.createHistogram("gradients_control_pass_seconds", {
    unit: "s",
    description: "One pass of the control loop",
  });
  const slots = figures.createGauge("gradients_busy_slots", {
    description: "Slots that hold a pod, by hardware class",
  });

  return {
    attemptFact: (attempt: Attempt, fact: AttemptFact, command: AttemptCommand) => {
      facts.add(1, {
        fact,
        kind: attempt.work.kind,
        hardware_class: attempt.hardwareClass,
        ...failureLabel(attempt),
      });
      const because = "because" in command ? command.because : command.type;
      const fields = { ...fieldsOf(attempt), fact, because, failure: attempt.core.failure?.code };
      if (fact === "failed" || fact === "lost") logger.warn(fields, "attempt moved");
      else logger.info(fields, "attempt moved");
    },
    attemptPlaced: (attempt: Attempt, now: Date) =>
      queueSeconds.record((now.getTime() - attempt.core.notBefore.getTime()) / 1000, {
        kind: attempt.work.kind,
      }),
    raceStarted: (jobId: string, recipes: number) => {
      races.add(1, { step: "started" });
      logger.info({ job_id: jobId, recipes }, "race opened");
    },
    raceRefused: (jobId: string, { code, message }: Failure) => {
      races.add(1, { step: "refused", code });
      logger.warn({ job_id: jobId, code, reason: message }, "race refused");
    },
    raceFinished: (jobId: string, attempts: number, succeeded: number) => {
      races.add(1, { step: succeeded > 0 ? "finished" : "all_failed" });
      logger.info({ job_id: jobId, attempts, succeeded }, "race finished");
    },
    jobClosed: (jobId: string, cancelled: number) =>
      logger.info({ job_id: jobId, cancelled_attempts: cancelled }, "job closed"),
    podEnded: (name: string, exitCode: number | null, message: string) =>
      logger.debug({ pod: name, exit_code: exitCode, log: message }, "pod removed"),
    podNotStarted: (name: string, error: unknown) =>
      logger.error({ pod: name, err: error }, "could not start a pod, trying again"),
    podCrashed: (name: string, exitCode: number | null, message: string) =>
      logger.warn({ pod: name, exit_code: exitCode, log: message }, "pod ended before its attempt"),
    stepFailed: (what: string, subjectId: string, error: unknown) =>
      logger.error(
        { what, subject_id: subjectId, err: error },
        "step of a control pass failed, trying again",
      ),
    settlingFailed: (error: unknown) => logger.error({ err: error }, "uploads not settled, trying again"),
    passFailed: (error: unknown) => logger.error({ err: error }, "control pass failed, trying again"),
    passDone: (seconds: number) => passSeconds.record(seconds),
    busySlots: (hardwareClass: string, busy: number) => slots.record(busy, { hardware_class: hardwareClass }),
    uploadsSettled: (uploads: number) => logger.debug({ uploads }, "uploads settled"),
  };
}

function fieldsOf({ attemptId, jobId, work, hardwareClass, core }: Attempt) {
  return {
    attempt_id: attemptId,
    job_id: jobId,
    kind: work.kind,
    recipe_id: work.kind === "train" ? work.recipe.recipeId : undefined,
    hardware_class: hardwareClass,
    epoch: core.epoch,
    state: core.state,
  };
}

function failureLabel({ core }: Attempt): { readonly code?: string } {
  return core.failure ? { code: core.failure.code } : {};
}
