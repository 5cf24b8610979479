import type { JobId } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import { failureOf } from "../domain/failures.ts";
import {
  type ClassCapacity,
  type ImpossiblePlacement,
  type PlacementPlan,
  planPlacements,
  type QueuedAttempt,
} from "../domain/plan-placements.ts";
import type { PodStatus } from "../fleet/gpu-fleet.ts";
import { podName } from "../fleet/pod-name.ts";
import { lockJob } from "../store/jobs.ts";
import { listPlacements, type Placement } from "../store/placements.ts";
import { listQueuedAttempts } from "../store/queue.ts";
import type { Backpressure } from "./backpressure.ts";
import { moveAttempt } from "./move-attempt.ts";
import { oneByOne } from "./one-by-one.ts";

/** Considered of one account and class in one pass; more are seen by the next. */
const QUEUE_WINDOW = 1_000;

/** Decides which queued attempts start now and marks them as placing; their pods are started from that mark. */
export async function placeAttempts(
  deps: Deps,
  pods: readonly PodStatus[],
  backpressure: Backpressure,
): Promise<void> {
  const { queue, plan } = await planNow(deps, pods, backpressure);
  const jobIdOf = ([first]: readonly QueuedAttempt[]) => first?.jobId ?? "";
  const placed = new Set(plan.place);
  const together = Map.groupBy(
    queue.filter(({ attemptId }) => placed.has(attemptId)),
    ({ jobId }) => jobId,
  );
  await oneByOne(deps, "place attempts", [...together.values()], jobIdOf, (units) =>
    placeTogether(deps, units),
  );
  const jobOf = new Map(queue.map(({ attemptId, jobId }) => [attemptId, jobId]));
  const idOf = ({ attemptId }: ImpossiblePlacement) => attemptId;
  await oneByOne(deps, "refuse an attempt", plan.impossible, idOf, async (impossible) => {
    const jobId = jobOf.get(impossible.attemptId);
    if (jobId) await failImpossible(deps, jobId, impossible);
  });
}

async function planNow(
  deps: Deps,
  pods: readonly PodStatus[],
  backpressure: Backpressure,
): Promise<{ readonly queue: readonly QueuedAttempt[]; readonly plan: PlacementPlan }> {
  return deps.db.tx(async (tx) => {
    const queue = await listQueuedAttempts(tx, QUEUE_WINDOW);
    if (queue.length === 0) return { queue, plan: { place: [], impossible: [] } };
    const capacities = measureCapacities(deps, pods, await listPlacements(tx), backpressure);
    return { queue, plan: planPlacements(queue, capacities, deps.admission, tx.now) };
  });
}

/** A slot is taken by a pod that has not ended, and by an attempt whose pod is still to come. */
function measureCapacities(
  deps: Deps,
  pods: readonly PodStatus[],
  placements: readonly Placement[],
  backpressure: Backpressure,
): readonly ClassCapacity[] {
  const live = pods.filter(({ phase }) => phase.kind !== "ended");
  const names = new Set(live.map(({ name }) => name));
  const awaited = placements.filter(({ attemptId, epoch }) => !names.has(podName(attemptId, epoch)));
  const pending = live.filter(({ phase }) => phase.kind === "pending");
  return deps.fleet.classes.map(({ name, slots }) => {
    const ofClass = ({ hardwareClass }: { readonly hardwareClass: string }) => hardwareClass === name;
    return {
      name,
      slots,
      busy: live.filter(ofClass).length + awaited.filter(ofClass).length,
      busyOf: countByAccount(placements.filter(ofClass)),
      isPaused: backpressure.isPaused(name, pending.filter(ofClass).length + awaited.filter(ofClass).length),
    };
  });
}

function countByAccount(placements: readonly Placement[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { accountId } of placements) counts.set(accountId, (counts.get(accountId) ?? 0) + 1);
  return counts;
}

/** One transaction per job: a race starts as a whole even when we die in the middle. What was cancelled meanwhile is left out. */
async function placeTogether(deps: Deps, units: readonly QueuedAttempt[]): Promise<void> {
  const [first] = units;
  if (!first) return;
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, first.jobId);
    for (const { attemptId } of units) {
      const moved = await moveAttempt(tx, deps, job, attemptId, { type: "place" });
      if (moved.ok) deps.observe.attemptPlaced(moved.value.attempt, tx.now);
    }
  });
}

async function failImpossible(
  deps: Deps,
  jobId: JobId,
  { attemptId, needs, limit }: ImpossiblePlacement,
): Promise<void> {
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, jobId);
    const failure = failureOf("RACE_TOO_LARGE", `${needs} places needed, ${limit} allowed`);
    await moveAttempt(tx, deps, job, attemptId, { type: "fail", failure });
  });
}
