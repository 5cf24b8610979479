import type { AttemptId, JobId } from "@gradients/kernel";
import { isFinal, isPlaced } from "../../../../services/scheduler/src/domain/attempt-machine.ts";
import { failureOf } from "../../../../services/scheduler/src/domain/failures.ts";
import { planPlacements } from "../../../../services/scheduler/src/domain/plan-placements.ts";
import type { Move, Moves } from "./moves.ts";
import { moveAttempt, type Rules } from "./scheduler.ts";
import type { Attempt, JobWorld, Pod, World } from "./world.ts";

const AT = new Date(1_000_000);

/** The control loop and the clock: level-triggered, so each step may come at any time and any number of times. */
export const schedulerMoves: Moves = (rules, job, at, world) => [
  ...placeMoves(rules, at, world),
  ...job.attempts.flatMap((attempt, index) =>
    attempt ? [...leaseMoves(rules, attempt, index), ...settleMoves(rules, attempt, index)] : [],
  ),
];

/** By the product's own plan over all jobs; one transaction per job. */
function placeMoves(rules: Rules, at: number, world: World): Move[] {
  const ids = placeable(rules, world).filter((id) => id.startsWith(`${at}/`));
  if (ids.length === 0) return [];
  const indices = ids.map((id) => Number(id.split("/")[1]));
  const apply = (target: JobWorld) => {
    for (const index of indices) moveAttempt(rules, target, index, { type: "place" });
  };
  return [{ label: `attempts ${indices.join(" and ")} are placed`, apply }];
}

function placeable({ size }: Rules, { jobs }: World): readonly string[] {
  const queue = jobs.flatMap((job, at) =>
    job.attempts.flatMap((attempt, index) => {
      if (attempt?.state !== "queued") return [];
      const inGang = attempt.epoch === 0 && index < size.attempts;
      const ids = { attemptId: `${at}/${index}` as AttemptId, jobId: `${at}` as JobId };
      return [{ ...ids, hardwareClass: "class", inGang, queuedSince: AT }];
    }),
  );
  const busy = jobs.reduce((sum, job) => sum + busySlots(job), 0);
  return planPlacements(queue, [{ name: "class", slots: size.workers, busy }]).place;
}

/** A slot is taken by a pod that has not ended, and by an attempt whose pod is still to come. */
export function busySlots({ attempts }: JobWorld): number {
  return attempts.reduce((sum, attempt) => {
    if (!attempt) return sum;
    const live = attempt.pods.filter(isLive);
    const isAwaited = isPlaced(attempt.state) && !live.some(({ epoch }) => epoch === attempt.epoch);
    return sum + live.length + (isAwaited ? 1 : 0);
  }, 0);
}

export function isLive({ phase }: Pod): boolean {
  return phase !== "ended";
}

function leaseMoves(rules: Rules, { state, epoch, lease, pods }: Attempt, index: number): Move[] {
  if (!isPlaced(state)) return [];
  const moves: Move[] = [];
  const pod = pods.find((one) => one.epoch === epoch);
  const name = `attempt ${index}/${epoch}`;
  const runOut = (target: JobWorld) => void Object.assign(target.attempts[index] ?? {}, { lease: "over" });
  // A pod that is gone cannot renew; one that lives needs a pause, a lost network or a stopped scheduler.
  if (lease === "held" && state === "running" && !pod)
    moves.push({ label: `${name}'s lease runs out`, apply: runOut });
  else if (lease === "held")
    moves.push({ label: `${name}'s lease runs out while its pod lives`, costs: "crashes", apply: runOut });
  if (lease === "over" && rules.planted !== "no lease")
    moves.push({
      label: `${name} is lost by its lease`,
      apply: (target) => void moveAttempt(rules, target, index, { type: "expire", epoch }),
    });
  moves.push({
    label: `${name}'s deadline comes`,
    costs: "deadlines",
    apply: (target) =>
      void moveAttempt(rules, target, index, { type: "fail", failure: failureOf("DEADLINE_EXCEEDED") }),
  });
  return moves;
}

function settleMoves(rules: Rules, attempt: Attempt, index: number): Move[] {
  const { state, epoch, pods } = attempt;
  const isWanted = (pod: Pod) => isPlaced(state) && pod.epoch === epoch;
  const moves: Move[] = pods.flatMap((pod, place) => {
    const name = `pod ${index}/${pod.epoch}`;
    const remove = (target: JobWorld) => void target.attempts[index]?.pods.splice(place, 1);
    if (!isWanted(pod)) return [{ label: `${name} is removed`, apply: remove }];
    if (isLive(pod)) return [];
    const lose = (target: JobWorld) => {
      remove(target);
      moveAttempt(rules, target, index, { type: "lose", epoch, because: "the pod ended" });
    };
    return [{ label: `${name} is seen to have ended`, apply: lose }];
  });
  if (state !== "placing" || pods.some((pod) => pod.epoch === epoch)) return moves;
  const start = (target: JobWorld) => void target.attempts[index]?.pods.push({ epoch, phase: "starting" });
  return [...moves, { label: `pod ${index}/${epoch} is started`, apply: start }];
}

export function isSettled({ attempts }: JobWorld): boolean {
  return attempts.every((attempt) => !attempt || (isFinal(attempt.state) && attempt.pods.length === 0));
}
