import { assertNever, err, ok, type Result } from "@gradients/kernel";
import { type Failure, failureOf } from "./failures.ts";
import type { Checkpoint } from "./files.ts";
import type { SchedulingRules } from "./scheduling-rules.ts";

export type AttemptState = "queued" | "placing" | "running" | "succeeded" | "failed" | "cancelled";

export type AttemptFact = "placed" | "reported" | "lost" | "succeeded" | "failed" | "cancelled";

/** What may happen in which state, and where it leads. States without facts are final. */
export const attemptTransitions = {
  queued: { placed: "placing", failed: "failed", cancelled: "cancelled" },
  placing: { reported: "running", lost: "queued", failed: "failed", cancelled: "cancelled" },
  running: {
    reported: "running",
    lost: "queued",
    succeeded: "succeeded",
    failed: "failed",
    cancelled: "cancelled",
  },
  succeeded: {},
  failed: {},
  cancelled: {},
} as const satisfies Record<AttemptState, Partial<Record<AttemptFact, AttemptState>>>;

/** The part of an attempt that its state machine owns. */
export interface AttemptCore {
  readonly state: AttemptState;
  /** 0 for the first placement, one more after each loss or interruption. A call with another epoch is refused. */
  readonly epoch: number;
  /** Placements that were lost: those that the platform itself interrupted do not count. */
  readonly losses: number;
  /** Epochs that ended with one of these losses. Missing are those of before it was kept. */
  readonly lostEpochs: readonly number[];
  /** Set while a pod holds the attempt. */
  readonly leaseExpiresAt: Date | null;
  /** A queued attempt is not placed before. */
  readonly notBefore: Date;
  readonly checkpoint: Checkpoint | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly failure: Failure | null;
}

export type AttemptCommand =
  | { readonly type: "place" }
  /** The pod's agent asked for its work. */
  | { readonly type: "assign"; readonly epoch: number }
  | { readonly type: "heartbeat"; readonly epoch: number }
  | { readonly type: "checkpoint"; readonly epoch: number; readonly checkpoint: Checkpoint }
  /** Refused as ILLEGAL while the lease holds. */
  | { readonly type: "expire"; readonly epoch: number }
  /** The pod vanished or its work crashed. `because` ends up in the failure's text. */
  | { readonly type: "lose"; readonly epoch: number; readonly because: string }
  /** The platform took the machine away: no fault of the attempt's, so it may happen any number of times, with pauses that grow. */
  | { readonly type: "interrupt"; readonly epoch: number; readonly because: string }
  /** That placement, which has been counted as lost, turns out to be the platform's. Nothing happens if it does not count, or no more. */
  | { readonly type: "forgive"; readonly lostEpoch: number }
  | { readonly type: "succeed"; readonly epoch: number }
  /** `epoch` is absent when the platform itself decides, for example at a deadline. */
  | { readonly type: "fail"; readonly epoch?: number; readonly failure: Failure }
  | { readonly type: "cancel" };

/** FENCED: a higher epoch exists or the attempt is over. STOPPED: cancelled, the caller's epoch was the last. ILLEGAL: not in this state. */
export type AttemptRejection = "FENCED" | "STOPPED" | "ILLEGAL";

export interface AttemptDecision {
  readonly attempt: AttemptCore;
  /** Null when the command changed nothing but a lease or a checkpoint, or repeated what had happened already. */
  readonly fact: AttemptFact | null;
}

const LONGEST_PAUSE_SECONDS = 120;
const EXPIRED = "the pod was silent for longer than its lease";

export function newAttemptCore(now: Date): AttemptCore {
  return {
    state: "queued",
    epoch: 0,
    losses: 0,
    lostEpochs: [],
    leaseExpiresAt: null,
    notBefore: now,
    checkpoint: null,
    startedAt: null,
    finishedAt: null,
    failure: null,
  };
}

export function isFinal(state: AttemptState): boolean {
  return Object.keys(attemptTransitions[state]).length === 0;
}

/** True while a pod is meant to exist. */
export function isPlaced(state: AttemptState): boolean {
  return state === "placing" || state === "running";
}

export function decideAttempt(
  attempt: AttemptCore,
  command: AttemptCommand,
  rules: SchedulingRules,
  now: Date,
): Result<AttemptDecision, AttemptRejection> {
  if ("epoch" in command && command.epoch !== undefined) {
    if (command.epoch !== attempt.epoch) return err("FENCED");
    if (isRepeated(attempt, command)) return ok({ attempt, fact: null });
    if (attempt.state === "cancelled") return err("STOPPED");
    if (!isPlaced(attempt.state)) return err("FENCED");
  }
  return decideInState(attempt, command, rules, now);
}

/** An agent that did not see the answer to its last call makes it again. */
function isRepeated(attempt: AttemptCore, command: AttemptCommand): boolean {
  if (command.type === "succeed") return attempt.state === "succeeded";
  return command.type === "fail" && attempt.state === "failed";
}

function decideInState(
  attempt: AttemptCore,
  command: AttemptCommand,
  rules: SchedulingRules,
  now: Date,
): Result<AttemptDecision, AttemptRejection> {
  switch (command.type) {
    case "place":
      return step(attempt, "placed", { leaseExpiresAt: later(now, rules.placingLeaseSeconds) });
    case "assign":
      return assign(attempt, rules, now);
    case "heartbeat":
      return holding(attempt, { leaseExpiresAt: later(now, rules.leaseSeconds) });
    case "checkpoint":
      return keepCheckpoint(attempt, command.checkpoint, rules, now);
    case "expire":
      if (attempt.leaseExpiresAt === null || attempt.leaseExpiresAt > now) return err("ILLEGAL");
      return lose(attempt, EXPIRED, rules, now);
    case "lose":
      return lose(attempt, command.because, rules, now);
    case "interrupt":
      return placeAgain(attempt, later(now, pauseAfterInterrupt(attempt)));
    case "forgive":
      return forgive(attempt, command.lostEpoch);
    case "succeed":
      return step(attempt, "succeeded", { leaseExpiresAt: null, finishedAt: now });
    case "fail":
      return step(attempt, "failed", { leaseExpiresAt: null, finishedAt: now, failure: command.failure });
    case "cancel":
      return step(attempt, "cancelled", { leaseExpiresAt: null, finishedAt: now });
    default:
      return assertNever(command);
  }
}

/** The first assignment of an epoch is the fact; an agent that lost the answer asks again and gets the same work. */
function assign(
  attempt: AttemptCore,
  rules: SchedulingRules,
  now: Date,
): Result<AttemptDecision, AttemptRejection> {
  const leaseExpiresAt = later(now, rules.leaseSeconds);
  if (attempt.state === "running") return holding(attempt, { leaseExpiresAt });
  return step(attempt, "reported", { leaseExpiresAt, startedAt: attempt.startedAt ?? now });
}

function keepCheckpoint(
  attempt: AttemptCore,
  checkpoint: Checkpoint,
  rules: SchedulingRules,
  now: Date,
): Result<AttemptDecision, AttemptRejection> {
  const isOlder = attempt.checkpoint !== null && checkpoint.step < attempt.checkpoint.step;
  const newest = isOlder ? attempt.checkpoint : checkpoint;
  return holding(attempt, { leaseExpiresAt: later(now, rules.leaseSeconds), checkpoint: newest });
}

function lose(
  attempt: AttemptCore,
  because: string,
  rules: SchedulingRules,
  now: Date,
): Result<AttemptDecision, AttemptRejection> {
  if (attempt.losses >= rules.maxRetries) {
    const failure = failureOf("LOST", because);
    return step(attempt, "failed", { leaseExpiresAt: null, finishedAt: now, failure });
  }
  const wait = rules.retryDelaysSeconds[attempt.losses] ?? rules.retryDelaysSeconds.at(-1) ?? 0;
  const lostEpochs = [...attempt.lostEpochs, attempt.epoch];
  return placeAgain(attempt, later(now, wait), { losses: attempt.losses + 1, lostEpochs });
}

function forgive(attempt: AttemptCore, lostEpoch: number): Result<AttemptDecision, AttemptRejection> {
  if (isFinal(attempt.state)) return err("ILLEGAL");
  if (!attempt.lostEpochs.includes(lostEpoch)) return ok({ attempt, fact: null });
  const lostEpochs = attempt.lostEpochs.filter((epoch) => epoch !== lostEpoch);
  return ok({ attempt: { ...attempt, losses: attempt.losses - 1, lostEpochs }, fact: null });
}

/** None after the first: most often another machine takes it. One that keeps taking the work and throwing it out must not keep us busy. */
function pauseAfterInterrupt({ epoch, losses }: AttemptCore): number {
  const interruptsBefore = epoch - losses;
  return interruptsBefore === 0 ? 0 : Math.min(LONGEST_PAUSE_SECONDS, 2 ** (interruptsBefore - 1));
}

function placeAgain(
  attempt: AttemptCore,
  notBefore: Date,
  counted: Partial<Pick<AttemptCore, "losses" | "lostEpochs">> = {},
): Result<AttemptDecision, AttemptRejection> {
  return step(attempt, "lost", { ...counted, epoch: attempt.epoch + 1, leaseExpiresAt: null, notBefore });
}

function holding(
  attempt: AttemptCore,
  changes: Partial<AttemptCore>,
): Result<AttemptDecision, AttemptRejection> {
  if (attempt.state !== "running") return err("ILLEGAL");
  return ok({ attempt: { ...attempt, ...changes }, fact: null });
}

function step(
  attempt: AttemptCore,
  fact: AttemptFact,
  changes: Partial<AttemptCore>,
): Result<AttemptDecision, AttemptRejection> {
  const allowed: Partial<Record<AttemptFact, AttemptState>> = attemptTransitions[attempt.state];
  const state = allowed[fact];
  if (!state) return err("ILLEGAL");
  return ok({ attempt: { ...attempt, ...changes, state }, fact });
}

function later(now: Date, seconds: number): Date {
  return new Date(now.getTime() + seconds * 1000);
}
