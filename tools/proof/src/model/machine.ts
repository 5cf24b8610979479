import { isEnded } from "../../../../services/gateway/src/domain/job.ts";
import { isOver } from "../../../../services/scorer/src/domain/job-machine.ts";
import { Broken } from "./broken.ts";
import { deliveryMoves, promptMoves, relayMoves } from "./bus-moves.ts";
import { type Exploration, explore, type Machine, type Step } from "./explore.ts";
import { cancelByCustomer } from "./gateway.ts";
import { consumers } from "./messages.ts";
import { isOutboxEmpty, type Move, type Moves } from "./moves.ts";
import { podMoves } from "./pod-moves.ts";
import { say } from "./say.ts";
import type { Rules } from "./scheduler.ts";
import { busySlots, isLive, isSettled, schedulerMoves } from "./scheduler-moves.ts";
import { canFail, failJob, isSplitDue, isVerdictDue, judge, split } from "./scorer.ts";
import type { PlantedFault, Size } from "./size.ts";
import { draftOf, fromText, initialWorld, type JobWorld, toText, type World } from "./world.ts";

/** Explores the job's way through gateway, scheduler and scorer, of a given size; with a planted fault it must find a violation. */
export function exploreJobs(size: Size, planted?: PlantedFault, maxStates?: number): Exploration {
  return explore(jobMachine({ size, planted }), maxStates);
}

function jobMachine(rules: Rules): Machine<World> {
  return {
    initial: toText(initialWorld(rules.size)),
    read: fromText,
    steps: (world) => stepsFrom(rules, world),
    brokenBy: (world) => brokenProperty(rules, world),
    isEnd: (world) => world.jobs.every(isAtEnd),
  };
}

function stepsFrom(rules: Rules, world: World): readonly Step[] {
  return movesFrom(rules, world).flatMap((moves, at) =>
    moves.filter(({ costs }) => !costs || world.left[costs] > 0).map((move) => toStep(world, at, move)),
  );
}

function toStep(world: World, at: number, { label, costs, apply }: Move): Step {
  const isProgress = costs === undefined;
  const { draft, target } = draftOf(world, at);
  if (costs) draft.left = { ...draft.left, [costs]: draft.left[costs] - 1 };
  try {
    apply(target);
  } catch (error) {
    if (error instanceof Broken) return { label, isProgress, next: toText(draft), breaks: error.message };
    throw error;
  }
  return { label, isProgress, next: toText(draft) };
}

/** By job. Publishing and prompt consumers come first: nothing that the others do depends on when exactly. */
function movesFrom(rules: Rules, world: World): readonly (readonly Move[])[] {
  const urgent = world.jobs.findIndex((job) => !isOutboxEmpty(job) || promptMoves(rules, job));
  return world.jobs.map((job, at) => {
    if (urgent < 0) return allMoves.flatMap((moves) => moves(rules, job, at, world));
    if (at !== urgent) return [];
    return isOutboxEmpty(job) ? (promptMoves(rules, job) ?? []) : relayMoves(rules, job, at, world);
  });
}

const customerMoves: Moves = (_rules, job) => {
  if (isEnded(job.gateway.state)) return [];
  const apply = (target: JobWorld) => {
    if (cancelByCustomer(target)) say(target, "gateway", { type: "JobCancelled" });
  };
  return [{ label: "the customer cancels", costs: "cancels", apply }];
};

const scorerMoves: Moves = (rules, job) => {
  const moves: Move[] = [];
  const fail = (target: JobWorld) => failJob(target);
  if (isSplitDue(job)) {
    moves.push({ label: "the scorer splits the data", apply: (target) => split(target) });
    moves.push({ label: "the data cannot be split", costs: "failures", apply: fail });
  }
  if (isVerdictDue(job)) moves.push({ label: "the scorer judges", apply: (target) => judge(rules, target) });
  if (canFail(job)) moves.push({ label: "the job's deadline comes", costs: "deadlines", apply: fail });
  return moves;
};

const allMoves: readonly Moves[] = [deliveryMoves, customerMoves, scorerMoves, schedulerMoves, podMoves];

function isAtEnd(job: JobWorld): boolean {
  return isQuiet(job) && isSettled(job) && isDecided(job);
}

function isQuiet(job: JobWorld): boolean {
  return (
    isOutboxEmpty(job) && consumers.every((one) => job.queue[one].length === 0 && job.late[one].length === 0)
  );
}

function isDecided({ gateway, scheduler, scorer }: JobWorld): boolean {
  return (
    isEnded(gateway.state) &&
    scheduler.state === "closed" &&
    scorer.state !== "unknown" &&
    isOver(scorer.state)
  );
}

function brokenProperty({ size }: Rules, world: World): string | undefined {
  const busy = world.jobs.reduce((sum, job) => sum + busySlots(job), 0);
  if (busy > size.workers) return "slots: more pods than workers";
  return world.jobs.map(brokenByJob).find((property) => property !== undefined);
}

function brokenByJob(job: JobWorld): string | undefined {
  if (job.paid > 1) return "double effect: the verdict was paid twice";
  const twins = job.attempts.some(
    (attempt) => attempt && hasTwins(attempt.pods.filter(isLive).map(({ epoch }) => epoch)),
  );
  if (twins) return "fencing: two pods of one placement";
  return isAtEnd(job) ? brokenAtEnd(job) : undefined;
}

/** When all is over, everybody tells the same story. */
function brokenAtEnd({ gateway, scorer, paid, attempts }: JobWorld): string | undefined {
  const isScored = scorer.state === "scored";
  if (isScored !== (gateway.state === "succeeded"))
    return `legality: ${scorer.state} for the scorer, ${gateway.state} for the customer`;
  if (paid !== (isScored ? 1 : 0)) return `double effect or loss: paid ${paid} times for ${scorer.state}`;
  const differs = gateway.attempts.some((seen, index) => isScored && seen?.state !== attempts[index]?.state);
  return differs ? "outbox: the customer sees an attempt otherwise than it ended" : undefined;
}

function hasTwins(epochs: readonly number[]): boolean {
  return new Set(epochs).size < epochs.length;
}
