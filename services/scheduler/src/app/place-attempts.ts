import type { Tx } from "@gradients/db";
import type { JobId } from "@gradients/kernel";
import type { Deps } from "../deps.ts";
import type { Attempt } from "../domain/attempt.ts";
import { type AttemptCommand, decideAttempt } from "../domain/attempt-machine.ts";
import { failureOf } from "../domain/failures.ts";
import type { Job } from "../domain/job.ts";
import {
  type ClassCapacity,
  type ImpossiblePlacement,
  planPlacements,
  type QueuedAttempt,
} from "../domain/plan-placements.ts";
import type { PodStatus } from "../fleet/gpu-fleet.ts";
import { lockAttempts } from "../store/attempts.ts";
import { lockFreeJobs, lockJob } from "../store/jobs.ts";
import { type Placement, savePlaced } from "../store/placements.ts";
import { findQueue } from "../store/queue.ts";
import type { Tables } from "../store/schema.ts";
import { hashToken, type NewToken, newToken, saveTokens } from "../store/tokens.ts";
import type { Backpressure } from "./backpressure.ts";
import { inJobTrace, moveAttempt } from "./move-attempt.ts";
import { oneByOne } from "./one-by-one.ts";

/** Considered of one account and class in one pass; more are seen by the next. */
const QUEUE_WINDOW = 1_000;
/** Jobs whose attempts are placed in one transaction. */
const BATCH = 64;
const PLACE = { type: "place" } as const satisfies AttemptCommand;

/** A placement with all that its pod is started by: whoever placed it need not read it again. */
export interface PlacedAttempt {
  readonly attempt: Attempt;
  readonly budgetSeconds: number;
  /** The pod's own, recorded with the placement. */
  readonly token: string;
}

/**
 * Decides which queued attempts start now and marks them as placing; their pods are started from that mark. Pods and placements are those from the beginning
 * of the pass: what has ended since is free for the next one.
 */
export async function placeAttempts(
  deps: Deps,
  pods: readonly PodStatus[],
  placements: readonly Placement[],
  backpressure: Backpressure,
): Promise<readonly PlacedAttempt[]> {
  const queue = await findQueue(deps.db.q, QUEUE_WINDOW);
  if (!queue) return [];
  const capacities = measureCapacities(deps, pods, placements, backpressure);
  const { place, impossible } = planPlacements(queue.attempts, capacities, deps.admission, queue.now);
  const starts = new Set(place);
  const chosen = queue.attempts.filter(({ attemptId }) => starts.has(attemptId));
  const races = [...Map.groupBy(chosen, ({ jobId }) => jobId).values()];
  const found: PlacedAttempt[] = [];
  const left: QueuedAttempt[][] = [];
  for (let from = 0; from < races.length; from += BATCH) {
    const outcome = await placeBatch(deps, races.slice(from, from + BATCH));
    found.push(...outcome.placed);
    left.push(...outcome.left);
  }
  const jobIdOf = ([first]: readonly QueuedAttempt[]) => first?.jobId ?? "";
  await oneByOne(deps, "place attempts", left, jobIdOf, async (race) => {
    found.push(...(await placeAlone(deps, race)));
  });
  await refuseImpossible(deps, queue.attempts, impossible);
  return found;
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
  const awaited = placements.filter(({ name }) => !names.has(name));
  const pending = live.filter(({ phase }) => phase.kind === "pending");
  const busyIn = countByClass([...live, ...awaited]);
  const pendingIn = countByClass([...pending, ...awaited]);
  const placedIn = Map.groupBy(placements, ({ hardwareClass }) => hardwareClass);
  return deps.fleet.classes.map(({ name, slots }) => ({
    name,
    slots,
    busy: busyIn.get(name) ?? 0,
    busyOf: countBy(placedIn.get(name) ?? [], ({ accountId }) => accountId),
    isPaused: backpressure.isPaused(name, pendingIn.get(name) ?? 0),
  }));
}

const countByClass = (all: readonly { readonly hardwareClass: string }[]) =>
  countBy(all, ({ hardwareClass }) => hardwareClass);

function countBy<T>(all: readonly T[], keyOf: (one: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(keyOf(one), (counts.get(keyOf(one)) ?? 0) + 1);
  return counts;
}

interface Batch {
  readonly placed: readonly PlacedAttempt[];
  /** Their jobs are in other hands right now, or the transaction failed. */
  readonly left: readonly QueuedAttempt[][];
}

/** One transaction for all of them. It waits for no job's lock, so that two who hold several cannot wait for each other. */
async function placeBatch(deps: Deps, races: readonly QueuedAttempt[][]): Promise<Batch> {
  const jobIds = races.flatMap(([first]) => first?.jobId ?? []);
  try {
    const outcome = await deps.db.tx(async (tx) => {
      const jobs = new Map((await lockFreeJobs(tx, jobIds)).map((job) => [job.jobId, job]));
      const isFree = ([first]: readonly QueuedAttempt[]) => first !== undefined && jobs.has(first.jobId);
      const placed = await placeLocked(tx, deps, jobs, races.filter(isFree).flat());
      return { placed, now: tx.now, left: races.filter((race) => !isFree(race)) };
    });
    observePlaced(deps, outcome.placed, outcome.now);
    return outcome;
  } catch (error) {
    deps.observe.batchFailed(races.length, error);
    return { placed: [], left: [...races] };
  }
}

async function placeAlone(deps: Deps, race: readonly QueuedAttempt[]): Promise<readonly PlacedAttempt[]> {
  const [first] = race;
  if (!first) return [];
  const { placed, now } = await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, first.jobId);
    return { placed: await placeLocked(tx, deps, new Map([[job.jobId, job]]), race), now: tx.now };
  });
  observePlaced(deps, placed, now);
  return placed;
}

/** A race starts as a whole even when we die in the middle. What was cancelled meanwhile is left out. */
async function placeLocked(
  tx: Tx<Tables>,
  deps: Deps,
  jobs: ReadonlyMap<JobId, Job>,
  units: readonly QueuedAttempt[],
): Promise<readonly PlacedAttempt[]> {
  const attempts = await lockAttempts(
    tx,
    units.map(({ attemptId }) => attemptId),
  );
  const placed = attempts.flatMap((attempt) => {
    const decision = decideAttempt(attempt.core, PLACE, deps.rules, tx.now);
    if (!decision.ok) return [];
    const budgetSeconds = jobs.get(attempt.jobId)?.order?.budgetSeconds ?? 0;
    return [{ attempt: { ...attempt, core: decision.value.attempt }, budgetSeconds, token: newToken() }];
  });
  const leaseExpiresAt = placed[0]?.attempt.core.leaseExpiresAt; // the same for all: it counts from the transaction's time
  if (!leaseExpiresAt) return [];
  await savePlaced(
    tx,
    placed.map(({ attempt }) => attempt.attemptId),
    leaseExpiresAt,
  );
  await saveTokens(tx, placed.map(tokenOf));
  return placed;
}

/** Once it is certain: a transaction may be tried again. */
function observePlaced({ observe }: Deps, placed: readonly PlacedAttempt[], now: Date): void {
  for (const { attempt } of placed) {
    inJobTrace(attempt, () => observe.attemptFact(attempt, "placed", PLACE));
    observe.attemptPlaced(attempt, now);
  }
}

function tokenOf({ attempt: { attemptId, core }, token }: PlacedAttempt): NewToken {
  return { attemptId, epoch: core.epoch, sha256: hashToken(token) };
}

async function refuseImpossible(
  deps: Deps,
  queue: readonly QueuedAttempt[],
  impossible: readonly ImpossiblePlacement[],
): Promise<void> {
  const jobOf = new Map(queue.map(({ attemptId, jobId }) => [attemptId, jobId]));
  const idOf = ({ attemptId }: ImpossiblePlacement) => attemptId;
  await oneByOne(deps, "refuse an attempt", impossible, idOf, async (one) => {
    const jobId = jobOf.get(one.attemptId);
    if (jobId) await failImpossible(deps, jobId, one);
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
