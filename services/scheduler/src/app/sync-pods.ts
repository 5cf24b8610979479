import { failpoint } from "@gradients/kernel";
import { currentTraceparent, inSpan, inTraceOf, WorkQueue } from "@gradients/runtime";
import type { Deps } from "../deps.ts";
import { type Attempt, allowedSeconds } from "../domain/attempt.ts";
import { isPlaced } from "../domain/attempt-machine.ts";
import { PodRefused, type PodSpec, type PodStatus } from "../fleet/gpu-fleet.ts";
import { podName } from "../fleet/pod-name.ts";
import { findAttempt } from "../store/attempts.ts";
import { findJob } from "../store/jobs.ts";
import { holdPlacements, type Placement } from "../store/placements.ts";
import { deleteToken, hashToken, newToken, saveTokens } from "../store/tokens.ts";
import { noteWaiting } from "./note-waiting.ts";
import type { PlacedAttempt } from "./place-attempts.ts";
import { createStarts } from "./starts.ts";

export interface PodTimes {
  /** From SIGTERM to SIGKILL when the work is still wanted: room for a last checkpoint. */
  readonly stopGraceSeconds: number;
  /** An attempt that has just ended lets its pod leave by itself for that long. */
  readonly leaveSeconds: number;
}

export interface PodSync {
  /** Has the pods brought to what the tables want; returns before that is done. */
  sync(known: Known): void;
  /** The same for what has been placed since the last `sync`. */
  start(placed: readonly PlacedAttempt[]): void;
  run(signal: AbortSignal): Promise<void>;
}

/** What a look of the control loop has found. */
export interface Known {
  readonly pods: readonly PodStatus[];
  /** By performance.now(), before the pods were listed. */
  readonly listedAt: number;
  /** As they were after that. */
  readonly placements: readonly Placement[];
}

/** When nobody wants the work any more, there is nothing to save. */
const CANCEL_GRACE_SECONDS = 3;
/** Starts, stops and removals at the same time. */
const WORKERS = 16;
/** Beyond every deadline of the attempt itself. */
const BACKSTOP_SECONDS = 600;

/**
 * Brings the fleet to what the tables want, pod by pod: missing ones are started, unwanted ones stopped, ended ones removed. The control loop only
 * says where to look, so a slow fleet never holds up a lease. What was placed just now starts by what its placement knows, all else is read anew.
 */
export function createPodSync(deps: Deps, relayTarget: () => string, times: PodTimes): PodSync {
  const attemptOf = new Map<string, string>();
  const fresh = new Map<string, PlacedAttempt>();
  const starts = createStarts();
  let listed = new Map<string, PodStatus>();
  const queue = new WorkQueue({
    workers: WORKERS,
    handle: async (name, signal) => {
      const order = fresh.get(name);
      fresh.delete(name);
      const attempt = order?.attempt ?? (await findAttempt(deps.db.q, attemptOf.get(name) ?? ""));
      const pod = listed.get(name);
      if (!isWanted(attempt, name)) {
        if (pod) await endPod(deps, pod, attempt, times);
      } else if (attempt.core.state === "placing" && isMissing(pod)) {
        const status = await starts.during(name, () =>
          inStartSpan(attempt, async () =>
            startPod(deps, order ?? (await orderAgain(deps, attempt)), relayTarget(), signal),
          ),
        );
        listed.set(name, status); // whoever asked meanwhile had not seen it yet
      }
    },
    onError: (name, error) => deps.observe.stepFailed("settle a pod", name, error),
    backoff: { initialMs: 200, maxMs: 10_000 },
  });
  return {
    run: (signal) => queue.run(signal),
    sync: ({ pods, listedAt, placements }) => {
      listed = new Map(pods.map((pod) => [pod.name, pod]));
      for (const status of starts.since(listedAt)) listed.set(status.name, status);
      attemptOf.clear();
      const wanted = new Set<string>();
      for (const { name, attemptId, state } of placements) {
        attemptOf.set(name, attemptId);
        wanted.add(name);
        if (state === "placing" && isMissing(listed.get(name)) && !starts.isGoingOn(name)) queue.add(name);
      }
      for (const name of fresh.keys()) if (!wanted.has(name)) fresh.delete(name);
      for (const { name, attemptId } of pods) {
        attemptOf.set(name, attemptId);
        if (!wanted.has(name)) queue.add(name);
      }
    },
    start: (placed) => {
      for (const order of placed) {
        const { attemptId, core } = order.attempt;
        const name = podName(attemptId, core.epoch);
        attemptOf.set(name, attemptId);
        fresh.set(name, order);
        queue.add(name);
      }
    },
  };
}

function isMissing(pod: PodStatus | undefined): boolean {
  return pod === undefined || (pod.phase.kind === "pending" && pod.phase.reason === "incomplete");
}

function isWanted(attempt: Attempt | undefined, name: string): attempt is Attempt {
  if (attempt === undefined || !isPlaced(attempt.core.state)) return false;
  return podName(attempt.attemptId, attempt.core.epoch) === name;
}

/** The pod goes on from here. */
function inStartSpan<T>({ attemptId, jobId, traceparent, core }: Attempt, fn: () => Promise<T>): Promise<T> {
  const attributes = {
    "gradients.job.id": jobId,
    "gradients.attempt.id": attemptId,
    "gradients.attempt.epoch": core.epoch,
  };
  return inTraceOf(traceparent, () => inSpan({ scope: "scheduler", name: "start pod", attributes }, fn));
}

/** For a pod whose first start came to nothing, or that somebody else has placed. */
async function orderAgain(deps: Deps, attempt: Attempt): Promise<PlacedAttempt> {
  const { attemptId, jobId, core } = attempt;
  const token = newToken();
  const job = await findJob(deps.db.q, jobId);
  await deps.db.tx((tx) => saveTokens(tx, [{ attemptId, epoch: core.epoch, sha256: hashToken(token) }]));
  return { attempt, token, budgetSeconds: job?.order?.budgetSeconds ?? 0 };
}

/** What the fleet will tell of it. */
async function startPod(
  deps: Deps,
  { attempt, budgetSeconds, token }: PlacedAttempt,
  relayTarget: string,
  signal: AbortSignal,
): Promise<PodStatus> {
  failpoint("scheduler.token-saved");
  const allowed = allowedSeconds(attempt, budgetSeconds, deps.rules);
  const maxSeconds = allowed + deps.rules.placingLeaseSeconds + BACKSTOP_SECONDS;
  const pod = { ...toPodSpec(attempt, relayTarget, token), maxSeconds };
  const outcome = await startOrWait(deps, attempt, pod, signal);
  failpoint("scheduler.pod-started");
  if (outcome === "exists") await deleteToken(deps.db, hashToken(token));
  const { name, attemptId, epoch, hardwareClass } = pod;
  const phase = { kind: "pending", reason: "starting", message: "" } as const;
  return { name, attemptId, epoch, hardwareClass, phase };
}

async function startOrWait(
  deps: Deps,
  { attemptId, jobId, core: { epoch } }: Attempt,
  pod: PodSpec,
  signal: AbortSignal,
): Promise<"started" | "exists"> {
  try {
    return await deps.fleet.start(pod, signal);
  } catch (error) {
    if (!(error instanceof PodRefused)) throw error;
    const { reason, message } = error;
    await noteWaiting(deps, { attemptId, jobId, epoch }, { reason, message });
    await deps.db.tx((tx) => holdPlacements(tx, [attemptId], deps.rules.placingLeaseSeconds));
    throw error;
  }
}

function toPodSpec(attempt: Attempt, relayTarget: string, token: string): Omit<PodSpec, "maxSeconds"> {
  const { attemptId, jobId, hardwareClass } = attempt;
  const traceparent = currentTraceparent() ?? null;
  const { epoch } = attempt.core;
  const name = podName(attemptId, epoch);
  const work = attempt.work.kind;
  const image = attempt.work.kind === "train" ? (attempt.work.recipe.image ?? null) : null;
  return { name, attemptId, jobId, epoch, hardwareClass, relayTarget, traceparent, token, work, image };
}

async function endPod(
  deps: Deps,
  pod: PodStatus,
  attempt: Attempt | undefined,
  times: PodTimes,
): Promise<void> {
  if (pod.phase.kind === "ended") {
    deps.observe.podEnded(pod.name, pod.phase);
    await deps.fleet.remove(pod.name);
    return failpoint("scheduler.pod-removed");
  }
  const now = await deps.db.tx(async (tx) => tx.now);
  if (attempt && isLeaving(attempt, pod, times, now)) return;
  const isCancelled = attempt === undefined || attempt.core.state === "cancelled";
  await deps.fleet.stop(pod.name, isCancelled ? CANCEL_GRACE_SECONDS : times.stopGraceSeconds);
}

/** Its agent has just said that it is done. */
function isLeaving({ core }: Attempt, pod: PodStatus, { leaveSeconds }: PodTimes, now: Date): boolean {
  if (core.epoch !== pod.epoch || core.state === "cancelled" || core.finishedAt === null) return false;
  return now.getTime() - core.finishedAt.getTime() < leaveSeconds * 1000;
}
