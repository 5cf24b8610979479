import { isEnded } from "../../../../services/gateway/src/domain/job.ts";
import { isOver } from "../../../../services/scorer/src/domain/job-machine.ts";
import { deliveryMoves, promptMoves, relayMoves } from "./bus-moves.ts";
import { cancelByCustomer } from "./gateway.ts";
import { consumers } from "./messages.ts";
import { isOutboxEmpty, type Move, type Moves } from "./moves.ts";
import { podMoves } from "./pod-moves.ts";
import { say } from "./say.ts";
import type { Rules } from "./scheduler.ts";
import { isLive, isSettled, schedulerMoves } from "./scheduler-moves.ts";
import { canFail, failJob, isSplitDue, isVerdictDue, judge, split } from "./scorer.ts";
import type { JobWorld } from "./world.ts";

/** Publishing and prompt consumers come first: nothing that the others do depends on when exactly. Undefined when there is nothing of the kind. */
export function urgentMoves(rules: Rules, job: JobWorld): readonly Move[] | undefined {
  return isOutboxEmpty(job) ? promptMoves(rules, job) : relayMoves(rules, job);
}

/** All else that can happen to a job. */
export const otherMoves: Moves = (rules, job) => allMoves.flatMap((moves) => moves(rules, job));

const customerMoves: Moves = (_rules, job) => {
  if (isEnded(job.gateway.state)) return [];
  const apply = (target: JobWorld) => {
    if (cancelByCustomer(target)) say(target, "gateway", { type: "JobCancelled" });
  };
  return [{ label: "the customer cancels", pace: "whim", costs: "cancels", apply }];
};

const scorerMoves: Moves = (rules, job) => {
  const moves: Move[] = [];
  const fail = (target: JobWorld) => failJob(target);
  if (isSplitDue(job)) {
    moves.push({ label: "the scorer splits the data", pace: "scorer", apply: (target) => split(target) });
    moves.push({ label: "the data cannot be split", pace: "scorer", costs: "failures", apply: fail });
  }
  if (isVerdictDue(job))
    moves.push({ label: "the scorer judges", pace: "scorer", apply: (target) => judge(rules, target) });
  if (canFail(job))
    moves.push({ label: "the job's deadline comes", pace: "clock", costs: "deadlines", apply: fail });
  return moves;
};

const allMoves: readonly Moves[] = [deliveryMoves, customerMoves, scorerMoves, schedulerMoves, podMoves];

export function isAtEnd(job: JobWorld): boolean {
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

/** Name of a property that the job's state breaks. */
export function brokenByJob(job: JobWorld): string | undefined {
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
