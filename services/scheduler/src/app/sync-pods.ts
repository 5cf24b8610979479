import { randomBytes } from "node:crypto";
import { failpoint } from "@gradients/kernel";
import { currentTraceparent, inSpan, inTraceOf } from "@gradients/runtime";
import type { Deps } from "../deps.ts";
import type { Attempt } from "../domain/attempt.ts";
import { isPlaced } from "../domain/attempt-machine.ts";
import type { PodSpec, PodStatus } from "../fleet/gpu-fleet.ts";
import { podName } from "../fleet/pod-name.ts";
import { findAttempt, listPlacedAttempts } from "../store/attempts.ts";
import { deleteToken, hashToken, saveToken } from "../store/tokens.ts";
import { oneByOne } from "./one-by-one.ts";

export interface PodTimes {
  /** From SIGTERM to SIGKILL when the work is still wanted: room for a last checkpoint. */
  readonly stopGraceSeconds: number;
  /** An attempt that has just ended lets its pod leave by itself for that long. */
  readonly leaveSeconds: number;
}

/** When nobody wants the work any more, there is nothing to save. */
const CANCEL_GRACE_SECONDS = 3;

/** Brings the fleet to what the tables want: missing pods are started, unwanted ones stopped, ended ones removed. */
export async function syncPods(
  deps: Deps,
  relayTarget: string,
  times: PodTimes,
  signal: AbortSignal,
): Promise<void> {
  const pods = await deps.fleet.list(signal);
  const existing = new Set(pods.map(({ name }) => name));
  for (const attempt of await listPlacedAttempts(deps.db.q)) {
    const isMissing = !existing.has(podName(attempt.attemptId, attempt.core.epoch));
    if (isMissing && attempt.core.state === "placing")
      await inStartSpan(attempt, () => startPod(deps, attempt, relayTarget, signal));
  }
  const now = await deps.db.tx(async (tx) => tx.now);
  const nameOf = ({ name }: PodStatus) => name;
  await oneByOne(deps, "settle a pod", pods, nameOf, (pod) => settlePod(deps, pod, times, now));
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
  const pod = toPodSpec(attempt, relayTarget, token);
  const sha256 = hashToken(token);
  try {
    await deps.db.tx((tx) => saveToken(tx, attempt.attemptId, attempt.core.epoch, sha256));
    failpoint("scheduler.token-saved");
    const outcome = await deps.fleet.start(pod, signal);
    failpoint("scheduler.pod-started");
    if (outcome === "exists") await deleteToken(deps.db, sha256);
  } catch (error) {
    deps.observe.podNotStarted(pod.name, error);
  }
}

function toPodSpec(attempt: Attempt, relayTarget: string, token: string): PodSpec {
  const { attemptId, hardwareClass } = attempt;
  const traceparent = currentTraceparent() ?? null;
  const { epoch } = attempt.core;
  const name = podName(attemptId, epoch);
  return { name, attemptId, epoch, hardwareClass, relayTarget, traceparent, token };
}

async function settlePod(deps: Deps, pod: PodStatus, times: PodTimes, now: Date): Promise<void> {
  const attempt = await findAttempt(deps.db.q, pod.attemptId);
  const isWanted = attempt !== undefined && isPlaced(attempt.core.state) && attempt.core.epoch === pod.epoch;
  if (isWanted) return;
  if (pod.phase.kind === "ended") {
    deps.observe.podEnded(pod.name, pod.phase.exitCode, pod.phase.message);
    await deps.fleet.remove(pod.name);
    return failpoint("scheduler.pod-removed");
  }
  if (attempt && isLeaving(attempt, pod, times, now)) return;
  const isCancelled = attempt === undefined || attempt.core.state === "cancelled";
  await deps.fleet.stop(pod.name, isCancelled ? CANCEL_GRACE_SECONDS : times.stopGraceSeconds);
}

/** Its agent has just said that it is done. */
function isLeaving({ core }: Attempt, pod: PodStatus, { leaveSeconds }: PodTimes, now: Date): boolean {
  if (core.epoch !== pod.epoch || core.state === "cancelled" || core.finishedAt === null) return false;
  return now.getTime() - core.finishedAt.getTime() < leaveSeconds * 1000;
}
