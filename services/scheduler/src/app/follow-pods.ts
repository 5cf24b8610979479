import type { Deps } from "../deps.ts";
import type { Waiting } from "../domain/attempt.ts";
import { isFinal } from "../domain/attempt-machine.ts";
import { commandOfEnd, isFinalEnd, isHeld } from "../domain/pod-facts.ts";
import type { PodStatus } from "../fleet/gpu-fleet.ts";
import { podName } from "../fleet/pod-name.ts";
import { findAttempt } from "../store/attempts.ts";
import { lockJob } from "../store/jobs.ts";
import { holdPlacements, type Placement } from "../store/placements.ts";
import { moveAttempt } from "./move-attempt.ts";
import { noteWaiting } from "./note-waiting.ts";
import { oneByOne } from "./one-by-one.ts";

type Ended = PodStatus & { readonly phase: { readonly kind: "ended" } };

/** Takes over what the fleet knows: pods that ended, and what others wait for. The placements were read after the pods were listed. */
export async function followPods(
  deps: Deps,
  pods: readonly PodStatus[],
  placements: readonly Placement[],
): Promise<void> {
  const byName = new Map(placements.map((placement) => [nameOf(placement), placement]));
  const ended = pods.filter((pod): pod is Ended => pod.phase.kind === "ended");
  await oneByOne(
    deps,
    "take over the end of a pod",
    ended,
    ({ name }) => name,
    async (pod) => {
      const placement = byName.get(pod.name);
      if (placement) await endPlacement(deps, placement, pod);
      else if (isFinalEnd(pod.phase)) await endLater(deps, pod);
    },
  );
  await followWaiting(deps, pods, byName);
}

function nameOf({ attemptId, epoch }: Placement): string {
  return podName(attemptId, epoch);
}

async function endPlacement(deps: Deps, { attemptId, jobId, epoch }: Placement, pod: Ended): Promise<void> {
  deps.observe.podCrashed(pod.name, pod.phase);
  const command = commandOfEnd(pod.phase, epoch);
  await deps.db.tx(async (tx) => moveAttempt(tx, deps, await lockJob(tx, jobId), attemptId, command));
}

/** An agent that only saw its engine die was faster than the news of why: the next placement would end in the same way. */
async function endLater(deps: Deps, pod: Ended): Promise<void> {
  const attempt = await findAttempt(deps.db.q, pod.attemptId);
  if (attempt?.core.epoch !== pod.epoch + 1 || isFinal(attempt.core.state)) return;
  const command = commandOfEnd(pod.phase, attempt.core.epoch);
  if (command.type !== "fail") return;
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, attempt.jobId);
    await moveAttempt(tx, deps, job, attempt.attemptId, { type: "fail", failure: command.failure });
  });
}

async function followWaiting(
  deps: Deps,
  pods: readonly PodStatus[],
  byName: ReadonlyMap<string, Placement>,
): Promise<void> {
  const waiting = pods.flatMap(({ name, phase }) => {
    const placement = byName.get(name);
    return placement?.state === "placing" && phase.kind === "pending" ? [{ placement, phase }] : [];
  });
  const changed = waiting.filter(({ placement, phase }) => !isSame(placement.waiting, phase));
  await oneByOne(
    deps,
    "note what a pod waits for",
    changed,
    ({ placement }) => placement.attemptId,
    async ({ placement, phase }) => {
      const { reason, message } = phase;
      await noteWaiting(deps, placement, { reason, message });
      deps.observe.podWaits(nameOf(placement), reason, message);
    },
  );
  const ids = waiting.filter(({ phase }) => isHeld(phase.reason)).map(({ placement }) => placement.attemptId);
  await holdPlacements(deps.db, ids, deps.rules.placingLeaseSeconds);
}

function isSame(known: Waiting | null, { reason, message }: Waiting): boolean {
  return known?.reason === reason && known.message === message;
}
