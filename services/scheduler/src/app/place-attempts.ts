import type { AttemptId, JobId } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import { failureOf } from "../domain/failures.ts";
import { type ClassCapacity, planPlacements, type QueuedAttempt } from "../domain/plan-placements.ts";
import type { PodStatus } from "../fleet/gpu-fleet.ts";
import { podName } from "../fleet/pod-name.ts";
import { listQueuedAttempts } from "../store/attempts.ts";
import { lockJob } from "../store/jobs.ts";
import { listPlacements } from "../store/placements.ts";
import { moveAttempt } from "./move-attempt.ts";
import { oneByOne } from "./one-by-one.ts";

/** Considered in one pass; more are seen by the next. */
const QUEUE_WINDOW = 1_000;

/** Decides which queued attempts start now and marks them as placing; their pods are started from that mark. */
export async function placeAttempts(deps: Deps, pods: readonly PodStatus[]): Promise<void> {
  const { queue, plan } = await deps.db.tx(async (tx) => {
    const queued = await listQueuedAttempts(tx, QUEUE_WINDOW);
    if (queued.length === 0) return { queue: queued, plan: { place: [], impossible: [] } };
    const capacities = await measureCapacities(deps, pods);
    return { queue: queued, plan: planPlacements(queued, capacities) };
  });
  const jobIdOf = ([first]: readonly QueuedAttempt[]) => first?.jobId ?? "";
  await oneByOne(deps, "place attempts", groupByJob(queue, plan.place), jobIdOf, (units) =>
    placeTogether(deps, units),
  );
  const idOf = ({ attemptId }: QueuedAttempt) => attemptId;
  await oneByOne(deps, "refuse an attempt", pick(queue, plan.impossible), idOf, (attempt) =>
    failImpossible(deps, attempt.jobId, attempt.attemptId, attempt.hardwareClass),
  );
}

/** A slot is taken by a pod that has not ended, and by an attempt whose pod is still to come. */
async function measureCapacities(deps: Deps, pods: readonly PodStatus[]): Promise<readonly ClassCapacity[]> {
  const live = pods.filter(({ phase }) => phase.kind !== "ended");
  const names = new Set(live.map(({ name }) => name));
  const awaited = (await listPlacements(deps.db.q)).filter(
    ({ attemptId, epoch }) => !names.has(podName(attemptId, epoch)),
  );
  return deps.fleet.classes.map(({ name, slots }) => {
    const busy = [...live, ...awaited].filter(({ hardwareClass }) => hardwareClass === name).length;
    return { name, slots, busy };
  });
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
  attemptId: AttemptId,
  hardwareClass: string,
): Promise<void> {
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, jobId);
    const failure = failureOf("RACE_TOO_LARGE", hardwareClass);
    await moveAttempt(tx, deps, job, attemptId, { type: "fail", failure });
  });
}

function groupByJob(queue: readonly QueuedAttempt[], ids: readonly AttemptId[]): readonly QueuedAttempt[][] {
  return [...Map.groupBy(pick(queue, ids), ({ jobId }) => jobId).values()];
}

/** In the order of `ids`. */
function pick(queue: readonly QueuedAttempt[], ids: readonly AttemptId[]): readonly QueuedAttempt[] {
  const byId = new Map(queue.map((queued) => [queued.attemptId, queued]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}
