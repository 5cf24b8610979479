import type { Deps } from "../deps.ts";
import type { Waiting } from "../domain/attempt.ts";
import { isFinal } from "../domain/attempt-machine.ts";
import { commandOfEnd, isExcuse, isFinalEnd, isHeld } from "../domain/pod-facts.ts";
import type { PodPhase, PodStatus } from "../fleet/gpu-fleet.ts";
import { findAttempt } from "../store/attempts.ts";
import { lockJob } from "../store/jobs.ts";
import { holdPlacements, type Placement, saveAllWaiting } from "../store/placements.ts";
import { forgiveLoss } from "./forgive-loss.ts";
import { moveAttempt } from "./move-attempt.ts";
import { isNews, noteWaiting } from "./note-waiting.ts";
import { oneByOne } from "./one-by-one.ts";

type Ended = PodStatus & { readonly phase: { readonly kind: "ended" } };

/** Takes over what the fleet knows: pods that ended, and what others wait for. The placements were read after the pods were listed. */
export async function followPods(
  deps: Deps,
  pods: readonly PodStatus[],
  placements: readonly Placement[],
): Promise<void> {
  const byName = new Map(placements.map((placement) => [placement.name, placement]));
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
      else if (isExcuse(pod.phase)) await forgiveLater(deps, pod);
    },
  );
  await followWaiting(deps, pods, byName);
}

async function endPlacement(
  deps: Deps,
  { attemptId, jobId, epoch, state }: Placement,
  pod: Ended,
): Promise<void> {
  if (pod.phase.cause === "outdated" && state !== "placing") return; // its agent has spoken: there is a pod, of which the fleet has not heard yet
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

/** A lease is over long before the cluster knows that the machine is lost: the placement has been counted by then. */
async function forgiveLater(deps: Deps, pod: Ended): Promise<void> {
  if (await forgiveLoss(deps, pod)) deps.observe.lossForgiven(pod.name, pod.phase);
}

async function followWaiting(
  deps: Deps,
  pods: readonly PodStatus[],
  byName: ReadonlyMap<string, Placement>,
): Promise<void> {
  const waiting = pods.flatMap(({ name, phase }) => {
    const placement = byName.get(name);
    return placement?.state === "placing" && isWait(phase) ? [{ placement, waiting: phase }] : [];
  });
  const changed = waiting.filter(({ placement, waiting: phase }) => !isSame(placement.waiting, phase));
  const isTold = ({ placement, waiting: phase }: Wait) => isNews(placement.waiting, phase);
  const quiet = changed.filter((one) => !isTold(one));
  const asOne = quiet.length > 0 ? [quiet] : []; // together, as nobody has to hear of them: mostly pods that just start
  await oneByOne(
    deps,
    "note what pods wait for",
    asOne,
    ([first]) => first?.placement.attemptId ?? "",
    (all) => noteAll(deps, all),
  );
  const idOf = ({ placement }: Wait) => placement.attemptId;
  await oneByOne(deps, "note what a pod waits for", changed.filter(isTold), idOf, (one) =>
    noteWaiting(deps, one.placement, one.waiting),
  );
  for (const { placement, waiting: phase } of changed)
    deps.observe.podWaits(placement.name, phase.reason, phase.message);
  const ids = waiting.filter((one) => isHeld(one.waiting.reason)).map(idOf);
  if (ids.length > 0) await deps.db.tx((tx) => holdPlacements(tx, ids, deps.rules.placingLeaseSeconds));
}

interface Wait {
  readonly placement: Placement;
  readonly waiting: Waiting;
}

/** What our own start has not finished is nothing that a pod waits for. */
function isWait(phase: PodPhase): phase is PodPhase & Waiting & { readonly kind: "pending" } {
  return phase.kind === "pending" && phase.reason !== "incomplete";
}

async function noteAll(deps: Deps, waits: readonly Wait[]): Promise<void> {
  const rows = waits.map(({ placement, waiting: { reason, message } }) => ({
    placement,
    waiting: { reason, message },
  }));
  await deps.db.tx((tx) => saveAllWaiting(tx, rows));
}

function isSame(known: Waiting | null, { reason, message }: Waiting): boolean {
  return known?.reason === reason && known.message === message;
}
