import {
  type AttemptCommand,
  type AttemptRejection,
  decideAttempt,
  isFinal,
} from "../../../../services/scheduler/src/domain/attempt-machine.ts";
import { type JobFact, jobAfter } from "../../../../services/scheduler/src/domain/job-machine.ts";
import { Broken } from "./broken.ts";
import type { Message } from "./messages.ts";
import { say } from "./say.ts";
import type { PlantedFault, Size } from "./size.ts";
import type { Timing } from "./timing.ts";
import type { Attempt, JobWorld } from "./world.ts";

/** What a step of the model knows besides the world. */
export interface Rules {
  readonly size: Size;
  readonly planted: PlantedFault | undefined;
  readonly timing: Timing;
}

export type Moved = AttemptRejection | "moved" | "nothing";

/** One attempt one step further by the product's own machine, with what follows from it, as in one transaction under the job's lock. */
export function moveAttempt(rules: Rules, job: JobWorld, index: number, command: AttemptCommand): Moved {
  const { timing } = rules;
  const attempt = job.attempts[index];
  if (!attempt) throw new Error(`there is no attempt ${index}`);
  const decision = decideAttempt(
    timing.coreOf(attempt),
    unfenced(rules, attempt, command),
    timing.rules,
    timing.now,
  );
  if (!decision.ok) return decision.error;
  const { attempt: core, fact } = decision.value;
  const isRenewed =
    attempt.lease === "over" && core.leaseExpiresAt !== null && core.leaseExpiresAt > timing.now;
  if (isStale(command, attempt)) throw new Broken("fencing: a write of an old epoch was accepted");
  if (fact !== null && isFinal(attempt.state)) throw new Broken("double effect: an attempt ended twice");
  timing.keep(attempt, core);
  if (fact === null) return isRenewed ? "moved" : "nothing";
  const isRace = index < rules.size.attempts;
  if (fact === "reported" && isRace)
    say(job, "scheduler", { type: "AttemptStarted", index, epoch: core.epoch });
  if (fact === "succeeded")
    say(job, "scheduler", { type: isRace ? "AttemptFinished" : "EvaluationFinished", index });
  if (fact === "failed")
    say(job, "scheduler", { type: isRace ? "AttemptFailed" : "EvaluationFailed", index });
  if (isFinal(core.state) && fact !== "cancelled" && isRace) endRaceIfOver(rules, job);
  return "moved";
}

/** What each event means to the scheduler. `again`: it cannot be handled yet. */
export function schedulerTakes(
  rules: Rules,
  job: JobWorld,
  message: Message,
): "changed" | "nothing" | "again" {
  switch (message.type) {
    case "JobAccepted":
      return learn(rules, job, { hasOrder: true });
    case "SplitCommitted":
      return learn(rules, job, { hasTrain: true });
    case "EvaluationRequested":
      return requestEvaluation(rules, job, message.index ?? 0);
    case "JobCancelled":
    case "JobFailed":
    case "JobScored":
      return closeJob(rules, job);
    default:
      return "nothing";
  }
}

function learn(rules: Rules, job: JobWorld, news: Partial<JobWorld["scheduler"]>): "changed" | "nothing" {
  const { scheduler } = job;
  if (scheduler.state !== "waiting") return "nothing";
  Object.assign(scheduler, news);
  if (!scheduler.hasOrder || !scheduler.hasTrain) return "changed";
  step(job, "started");
  job.attempts = Array.from({ length: rules.size.attempts }, newAttempt);
  return "changed";
}

function requestEvaluation(rules: Rules, job: JobWorld, index: number): "changed" | "nothing" {
  if (job.scheduler.state === "closed" || job.attempts[index]) return "nothing";
  while (job.attempts.length < index) job.attempts.push(null);
  job.attempts[index] = newAttempt();
  if (rules.size.evaluations === "pods") return "changed";
  Object.assign(job.attempts[index], { state: "succeeded" });
  say(job, "scheduler", { type: "EvaluationFinished", index });
  return "changed";
}

function closeJob(rules: Rules, job: JobWorld): "changed" | "nothing" {
  if (!step(job, "ended")) return "nothing";
  for (const [index, attempt] of job.attempts.entries())
    if (attempt && !isFinal(attempt.state)) moveAttempt(rules, job, index, { type: "cancel" });
  return "changed";
}

function endRaceIfOver(rules: Rules, job: JobWorld): void {
  const race = job.attempts.slice(0, rules.size.attempts);
  if (!race.every((attempt) => attempt && isFinal(attempt.state))) return;
  if (step(job, "race_over")) say(job, "scheduler", { type: "RaceFinished" });
}

function step({ scheduler }: JobWorld, fact: JobFact): boolean {
  const state = jobAfter(scheduler.state, fact);
  if (state) scheduler.state = state;
  return state !== undefined;
}

function unfenced({ planted }: Rules, { epoch }: Attempt, command: AttemptCommand): AttemptCommand {
  return planted === "no fence" && "epoch" in command ? { ...command, epoch } : command;
}

function isStale(command: AttemptCommand, { epoch }: Attempt): boolean {
  return "epoch" in command && command.epoch !== undefined && command.epoch < epoch;
}

function newAttempt(): Attempt {
  return { state: "queued", epoch: 0, losses: 0, lease: "none", pods: [] };
}
