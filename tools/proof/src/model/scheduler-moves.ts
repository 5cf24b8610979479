import type { AttemptId, JobId } from "@gradients/kernel";
import { isFinal, isPlaced } from "../../../../services/scheduler/src/domain/attempt-machine.ts";
import { failureOf } from "../../../../services/scheduler/src/domain/failures.ts";
import { planPlacements } from "../../../../services/scheduler/src/domain/plan-placements.ts";
import type { Move, Moves } from "./moves.ts";
import { oneAccount } from "./one-account.ts";
import { moveAttempt, type Rules } from "./scheduler.ts";
import type { Attempt, JobWorld, Pod } from "./world.ts";

/** The control loop and the clock: level-triggered, so each step may come at any time and any number of times. */
export const schedulerMoves: Moves = (rules, job) => [
  ...placeMoves(rules, job),
  ...job.attempts.flatMap((attempt, index) =>
    attempt ? [...leaseMoves(rules, attempt, index), ...settleMoves(rules, attempt, index)] : [],
  ),
];

/** One transaction per job: all that may be placed of it, by how much room the others leave. */
function placeMoves(rules: Rules, job: JobWorld): Move[] {
  const queue = queueOf(rules, job);
  const byRoom = Array.from({ length: rules.size.workers }, (_, free) =>
    planOf(rules, [queue], rules.size.workers - free - 1),
  );
  const choices = new Map(byRoom.map(([indices = []]) => [indices.join(), indices]));
  return [...choices.values()]
    .filter(({ length }) => length > 0)
    .map((places) => ({
      label: `attempts ${places.join(" and ")} are placed`,
      pace: "control",
      places,
      apply: (target) => {
        for (const index of places) moveAttempt(rules, target, index, { type: "place" });
      },
    }));
}

/** An attempt that waits for a place. */
export interface Waiting {
  readonly index: number;
  readonly inGang: boolean;
}

export function queueOf({ size, timing }: Rules, { attempts }: JobWorld): readonly Waiting[] {
  return attempts.flatMap((attempt, index) =>
    attempt?.state === "queued" && timing.coreOf(attempt).notBefore <= timing.now
      ? [{ index, inGang: attempt.epoch === 0 && index < size.attempts }]
      : [],
  );
}

/** By the product's own plan over all jobs, the oldest first: which attempts of each start now. */
export function planOf(
  { size }: Rules,
  queues: readonly (readonly Waiting[])[],
  busy: number,
): readonly (readonly number[])[] {
  const queue = queues.flatMap((waiting, at) =>
    waiting.map(({ index, inGang }) => ({
      attemptId: `${at}/${index}` as AttemptId,
      jobId: `${at}` as JobId,
      accountId: "",
      hardwareClass: "class",
      inGang,
      queuedSince: new Date(at),
    })),
  );
  const capacity = {
    name: "class",
    slots: size.workers,
    busy,
    busyOf: new Map<string, number>(),
    isPaused: false,
  };
  const { place } = planPlacements(queue, [capacity], oneAccount, new Date(0));
  return queues.map((_, at) =>
    place.filter((id) => id.startsWith(`${at}/`)).map((id) => Number(id.split("/")[1])),
  );
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
    moves.push({ label: `${name}'s lease runs out`, pace: "clock", apply: runOut });
  else if (lease === "held")
    moves.push({
      label: `${name}'s lease runs out while its pod lives`,
      pace: "clock",
      costs: "crashes",
      apply: runOut,
    });
  if (lease === "over" && rules.planted !== "no lease")
    moves.push({
      label: `${name} is lost by its lease`,
      pace: "control",
      apply: (target) => void moveAttempt(rules, target, index, { type: "expire", epoch }),
    });
  moves.push({
    label: `${name}'s deadline comes`,
    pace: "clock",
    costs: "deadlines",
    apply: (target) =>
      void moveAttempt(rules, target, index, { type: "fail", failure: failureOf("DEADLINE_EXCEEDED") }),
  });
  return moves;
}

/** Alive for all that is known, and not heard of. */
export function isSilent({ timing }: Rules, { silentUntil }: Pod): boolean {
  return silentUntil !== undefined && silentUntil > timing.now;
}

function settleMoves(rules: Rules, attempt: Attempt, index: number): Move[] {
  const { state, epoch, pods } = attempt;
  const isWanted = (pod: Pod) => isPlaced(state) && pod.epoch === epoch;
  const moves: Move[] = pods.flatMap((pod, place) => {
    const name = `pod ${index}/${pod.epoch}`;
    if (isSilent(rules, pod)) return []; // as long as its node is not reached, nobody can remove it
    const remove = (target: JobWorld) => void target.attempts[index]?.pods.splice(place, 1);
    if (!isWanted(pod)) return [{ label: `${name} is removed`, pace: "control", apply: remove }];
    if (isLive(pod)) return [];
    const lose = (target: JobWorld) => {
      remove(target);
      moveAttempt(rules, target, index, { type: "lose", epoch, because: "the pod ended" });
    };
    return [{ label: `${name} is seen to have ended`, pace: "control", apply: lose }];
  });
  if (state !== "placing" || pods.some((pod) => pod.epoch === epoch)) return moves;
  const start = (target: JobWorld) => void target.attempts[index]?.pods.push({ epoch, phase: "starting" });
  return [...moves, { label: `pod ${index}/${epoch} is started`, pace: "control", apply: start }];
}

export function isSettled({ attempts }: JobWorld): boolean {
  return attempts.every((attempt) => !attempt || (isFinal(attempt.state) && attempt.pods.length === 0));
}
