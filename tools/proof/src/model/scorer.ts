import { isOver, type JobFact, jobAfter } from "../../../../services/scorer/src/domain/job-machine.ts";
import type { Message } from "./messages.ts";
import { say } from "./say.ts";
import type { Rules } from "./scheduler.ts";
import type { JobWorld } from "./world.ts";

/** What each event means to the scorer. `again`: it cannot be handled yet. */
export function scorerTakes(rules: Rules, job: JobWorld, message: Message): "changed" | "nothing" | "again" {
  const { scorer } = job;
  switch (message.type) {
    case "JobAccepted":
      if (scorer.state !== "unknown") return "nothing";
      scorer.state = "splitting";
      return "changed";
    case "JobCancelled":
      if (scorer.state === "unknown") return "again";
      return step(job, "cancelled");
    case "RaceFinished":
      return startEvaluations(rules, job);
    case "EvaluationFinished":
      return completeEvaluation(job, message.index ?? 0, "finished");
    case "EvaluationFailed":
      return completeEvaluation(job, message.index ?? 0, "failed");
    default:
      return "nothing"; // when an attempt finished is kept for ties only
  }
}

export function isSplitDue({ scorer }: JobWorld): boolean {
  return scorer.state === "splitting";
}

export function split(job: JobWorld): void {
  step(job, "split_committed");
  job.scorer.hasSplit = true;
  say(job, "scorer", { type: "SplitCommitted" });
}

export function isVerdictDue({ scorer }: JobWorld): boolean {
  return scorer.state === "judging";
}

/** No verdict without the base model's evaluation and one artifact's. */
export function judge(rules: Rules, job: JobWorld): void {
  const base = rules.size.attempts;
  const { evaluations } = job.scorer;
  const isRanked = Object.entries(evaluations).some(([at, one]) => Number(at) !== base && one === "finished");
  if (evaluations[base] !== "finished" || !isRanked) return failJob(job);
  step(job, "judged");
  say(job, "scorer", { type: "JobScored" });
}

export function canFail({ scorer }: JobWorld): boolean {
  return scorer.state !== "unknown" && !isOver(scorer.state);
}

export function failJob(job: JobWorld): void {
  if (step(job, "failed") === "changed") say(job, "scorer", { type: "JobFailed" });
}

function startEvaluations(rules: Rules, job: JobWorld): "changed" | "nothing" | "again" {
  const { scorer } = job;
  if (scorer.state === "unknown" || !scorer.hasSplit) return "again";
  if (!jobAfter(scorer.state, "race_finished")) return "nothing";
  const race = job.attempts.slice(0, rules.size.attempts);
  const artifacts = race.flatMap((attempt, index) => (attempt?.state === "succeeded" ? [index] : []));
  if (artifacts.length === 0) {
    failJob(job);
    return "changed";
  }
  step(job, "race_finished");
  const base = rules.size.attempts;
  for (const index of [base, ...artifacts.map((place) => base + 1 + place)]) {
    scorer.evaluations[index] = "open";
    say(job, "scorer", { type: "EvaluationRequested", index });
  }
  return "changed";
}

function completeEvaluation(
  job: JobWorld,
  index: number,
  result: "finished" | "failed",
): "changed" | "nothing" {
  const { scorer } = job;
  const isDue = scorer.state !== "unknown" && jobAfter(scorer.state, "evaluations_in") !== undefined;
  if (!isDue || scorer.evaluations[index] !== "open") return "nothing";
  scorer.evaluations[index] = result;
  if (Object.values(scorer.evaluations).every((one) => one !== "open")) step(job, "evaluations_in");
  return "changed";
}

function step({ scorer }: JobWorld, fact: JobFact): "changed" | "nothing" {
  const state = scorer.state === "unknown" ? undefined : jobAfter(scorer.state, fact);
  if (!state) return "nothing";
  scorer.state = state;
  return "changed";
}
