import { randomBytes } from "node:crypto";
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
import { deleteToken, hashToken, saveToken } from "../store/tokens.ts";
import { noteWaiting } from "./note-waiting.ts";

export interface PodTimes {
  /** From SIGTERM to SIGKILL when the work is still wanted: room for a last checkpoint. */
  readonly stopGraceSeconds: number;
  /** An attempt that has just ended lets its pod leave by itself for that long. */
  readonly leaveSeconds: number;
}

export interface PodSync {
  /** Has the pods brought to what the tables want; returns before that is done. */
  sync(pods: readonly PodStatus[], placements: readonly Placement[]): void;
  run(signal: AbortSignal): Promise<void>;
}

/** When nobody wants the work any more, there is nothing to save. */
const CANCEL_GRACE_SECONDS = 3;
/** Starts, stops and removals at the same time. */
const WORKERS = 16;
/** Beyond every deadline of the attempt itself. */
const BACKSTOP_SECONDS = 600;

/**
 * Brings the fleet to what the tables want, pod by pod: missing ones are started, unwanted ones stopped, ended ones removed. The passes of the control loop only
 * say where to look, so a slow fleet never holds up a lease.
 */
export function createPodSync(deps: Deps, relayTarget: () => string, times: PodTimes): PodSync {
  const attemptOf = new Map<string, string>();
  let listed = new Map<string, PodStatus>();
  const queue = new WorkQueue({
    workers: WORKERS,
    handle: async (name, signal) => {
      const attempt = await findAttempt(deps.db.q, attemptOf.get(name) ?? "");
      const subject = { name, attempt, pod: listed.get(name), relayTarget: relayTarget(), times };
      const started = await settle(deps, subject, signal);
      if (started) listed.set(name, started); // whoever asked meanwhile had not seen it yet
    },
    onError: (name, error) => deps.observe.stepFailed("settle a pod", name, error),
    backoff: { initialMs: 200, maxMs: 10_000 },
  });
  return {
    run: (signal) => queue.run(signal),
    sync: (pods, placements) => {
      listed = new Map(pods.map((pod) => [pod.name, pod]));
      attemptOf.clear();
      const wanted = new Set<string>();
      for (const { attemptId, epoch, state } of placements) {
        const name = podName(attemptId, epoch);
        wanted.add(name);
        attemptOf.set(name, attemptId);
        if (state === "placing" && isMissing(listed.get(name))) queue.add(name);
      }
      for (const { name, attemptId } of pods) {
        attemptOf.set(name, attemptId);
        if (!wanted.has(name)) queue.add(name);
      }
    },
  };
}

function isMissing(pod: PodStatus | undefined): boolean {
  return pod === undefined || (pod.phase.kind === "pending" && pod.phase.reason === "incomplete");
}

interface Subject {
  readonly name: string;
  readonly attempt: Attempt | undefined;
  readonly pod: PodStatus | undefined;
  readonly relayTarget: string;
  readonly times: PodTimes;
}

/** The pod that was started, if one was. */
async function settle(deps: Deps, subject: Subject, signal: AbortSignal): Promise<PodStatus | undefined> {
  const { name, attempt, pod, times } = subject;
  const isWanted =
    attempt !== undefined &&
    isPlaced(attempt.core.state) &&
    podName(attempt.attemptId, attempt.core.epoch) === name;
  if (isWanted) {
    if (attempt.core.state !== "placing" || !isMissing(pod)) return undefined;
    await inStartSpan(attempt, () => startPod(deps, attempt, subject.relayTarget, signal));
    const { attemptId, hardwareClass, core } = attempt;
    const phase = { kind: "pending", reason: "starting", message: "" } as const;
    return { name, attemptId, epoch: core.epoch, hardwareClass, phase };
  }
  if (pod) await endPod(deps, pod, attempt, times);
  return undefined;
}

/** The pod goes on from here. */
function inStartSpan(
  { attemptId, jobId, traceparent, core }: Attempt,
  fn: () => Promise<void>,
): Promise<void> {
  const attributes = {
    "gradients.job.id": jobId,
    "gradients.attempt.id": attemptId,
    "gradients.attempt.epoch": core.epoch,
  };
  return inTraceOf(traceparent, () => inSpan({ scope: "scheduler", name: "start pod", attributes }, fn));
}

async function startPod(
  deps: Deps,
  attempt: Attempt,
  relayTarget: string,
  signal: AbortSignal,
): Promise<void> {
  const token = randomBytes(32).toString("base64url");
  const pod = { ...toPodSpec(attempt, relayTarget, token), maxSeconds: await maxSeconds(deps, attempt) };
  const sha256 = hashToken(token);
  await deps.db.tx((tx) => saveToken(tx, attempt.attemptId, attempt.core.epoch, sha256));
  failpoint("scheduler.token-saved");
  const outcome = await startOrWait(deps, attempt, pod, signal);
  failpoint("scheduler.pod-started");
  if (outcome === "exists") await deleteToken(deps.db, sha256);
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
    await holdPlacements(deps.db, [attemptId], deps.rules.placingLeaseSeconds);
    throw error;
  }
}

async function maxSeconds(deps: Deps, attempt: Attempt): Promise<number> {
  const job = await findJob(deps.db.q, attempt.jobId);
  const allowed = allowedSeconds(attempt, job?.order?.budgetSeconds ?? 0, deps.rules);
  return allowed + deps.rules.placingLeaseSeconds + BACKSTOP_SECONDS;
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
