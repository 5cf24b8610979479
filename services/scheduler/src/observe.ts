import type { Database } from "@gradients/db";
import { type GaugesOptions, type Logger, meter, requestSeconds, workSeconds } from "@gradients/runtime";
import type { Attempt } from "./domain/attempt.ts";
import { type AttemptCommand, type AttemptFact, isFinal } from "./domain/attempt-machine.ts";
import type { Failure } from "./domain/failures.ts";
import type { PendingReason, PodEnd } from "./domain/pod-facts.ts";
import type { HardwareClass } from "./fleet/gpu-fleet.ts";
import { countOpenAttempts } from "./store/attempts.ts";
import type { Tables } from "./store/schema.ts";

const SCOPE = "scheduler";
const attemptEnds = ["succeeded", "failed", "lost", "cancelled"] as const satisfies readonly AttemptFact[];

/** Business facts: one function each, a figure and a log line together. */
export type Observe = ReturnType<typeof createObserve>;

export function createObserve(logger: Logger, classes: readonly HardwareClass[]) {
  const figures = meter(SCOPE);
  const facts = figures.createCounter("gradients.attempt.facts", {
    unit: "{fact}",
    description: "Steps of attempts through their states, by fact, kind and hardware class.",
  });
  const failures = figures.createCounter("gradients.attempt.failures", {
    unit: "{failure}",
    description: "Failed attempts by code and kind.",
  });
  const attemptSeconds = figures.createHistogram("gradients.attempt.duration", {
    unit: "s",
    description: "From the first start of an attempt to its end, by kind (train, evaluate) and outcome.",
    advice: { explicitBucketBoundaries: workSeconds },
  });
  const races = figures.createCounter("gradients.races", {
    unit: "{race}",
    description: "Races by how they went.",
  });
  const raceSeconds = figures.createHistogram("gradients.race.duration", {
    unit: "s",
    description: "From opening a race to the end of its last attempt.",
    advice: { explicitBucketBoundaries: workSeconds },
  });
  const queueSeconds = figures.createHistogram("gradients.attempt.queue.duration", {
    unit: "s",
    description: "From queued to placed, by kind.",
    advice: { explicitBucketBoundaries: workSeconds },
  });
  const podEnds = figures.createCounter("gradients.pod.ends", {
    unit: "{pod}",
    description: "Pods that ended before their attempt, by cause.",
  });
  const passSeconds = figures.createHistogram("gradients.control.pass.duration", {
    unit: "s",
    description: "One pass of the control loop.",
    advice: { explicitBucketBoundaries: requestSeconds },
  });
  const slots = figures.createGauge("gradients.slots.busy", {
    unit: "{slot}",
    description: "Slots that hold a pod, by hardware class.",
  });
  const allSlots = figures.createGauge("gradients.slots.total", {
    unit: "{slot}",
    description: "Slots, by hardware class.",
  });

  // A counter that is not there before its first step hides that step from Prometheus.
  for (const { name } of classes)
    for (const kind of ["train", "evaluate"])
      for (const fact of attemptEnds) facts.add(0, { fact, kind, hardware_class: name });

  return {
    attemptFact: (attempt: Attempt, fact: AttemptFact, command: AttemptCommand) => {
      facts.add(1, { fact, kind: attempt.work.kind, hardware_class: attempt.hardwareClass });
      if (fact === "failed")
        failures.add(1, { code: attempt.core.failure?.code ?? "", kind: attempt.work.kind });
      const because = "because" in command ? command.because : command.type;
      const fields = { ...fieldsOf(attempt), fact, because, failure: attempt.core.failure?.code };
      if (isFinal(attempt.core.state))
        attemptSeconds.record(secondsOf(attempt), { kind: attempt.work.kind, outcome: fact });
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
    raceFinished: (jobId: string, attempts: number, succeeded: number, seconds: number) => {
      races.add(1, { step: succeeded > 0 ? "finished" : "all_failed" });
      raceSeconds.record(seconds);
      logger.info({ job_id: jobId, attempts, succeeded }, "race finished");
    },
    jobClosed: (jobId: string, cancelled: number) =>
      logger.info({ job_id: jobId, cancelled_attempts: cancelled }, "job closed"),
    podEnded: (name: string, { cause, exitCode, message }: PodEnd) =>
      logger.debug({ pod: name, cause, exit_code: exitCode, log: message }, "pod removed"),
    podCrashed: (name: string, { cause, exitCode, message }: PodEnd) => {
      podEnds.add(1, { cause });
      logger.warn({ pod: name, cause, exit_code: exitCode, log: message }, "pod ended before its attempt");
    },
    lossForgiven: (name: string, { cause, exitCode, message }: PodEnd) => {
      podEnds.add(1, { cause });
      logger.info(
        { pod: name, cause, exit_code: exitCode, log: message },
        "loss taken back, it was the platform's",
      );
    },
    podWaits: (name: string, reason: PendingReason, message: string) =>
      logger.info({ pod: name, reason, why: message }, "pod waits"),
    stepFailed: (what: string, subjectId: string, error: unknown) =>
      logger.error(
        { what, subject_id: subjectId, err: error },
        "step of a control pass failed, trying again",
      ),
    batchFailed: (items: number, error: unknown) =>
      logger.warn({ items, err: error }, "placed together failed, placing one by one"),
    settlingFailed: (error: unknown) => logger.error({ err: error }, "uploads not settled, trying again"),
    passFailed: (error: unknown) => logger.error({ err: error }, "control pass failed, trying again"),
    passDone: (seconds: number) => passSeconds.record(seconds),
    busySlots: (hardwareClass: string, busy: number, total: number) => {
      slots.record(busy, { hardware_class: hardwareClass });
      allSlots.record(total, { hardware_class: hardwareClass });
    },
    uploadsSettled: (uploads: number) => logger.debug({ uploads }, "uploads settled"),
  };
}

/** Attempts that are not over, as the table has them. Index attempt_open. */
export function attemptGauges({ q }: Database<Tables>, logger: Logger): GaugesOptions {
  const count = meter(SCOPE).createObservableGauge("gradients.attempts", {
    unit: "{attempt}",
    description: "Attempts that are not over, by kind and state.",
  });
  const oldest = meter(SCOPE).createObservableGauge("gradients.attempts.oldest_age", {
    unit: "s",
    description: "Age of the oldest attempt that is not over, by kind and state.",
  });
  return {
    scope: SCOPE,
    logger,
    gauges: [count, oldest],
    read: async (result) => {
      const rows = await countOpenAttempts(q);
      for (const { kind, state, attempts, oldestSeconds } of rows) {
        result.observe(count, attempts, { kind, state });
        result.observe(oldest, oldestSeconds, { kind, state });
      }
    },
  };
}

/** One that never started took no time. */
function secondsOf({ core: { startedAt, finishedAt } }: Attempt): number {
  return startedAt && finishedAt ? (finishedAt.getTime() - startedAt.getTime()) / 1000 : 0;
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
