import { failpoint, systemClock } from "@gradients/kernel";
import { createWake, type Logger, type Part, type Wake, withBackoff } from "@gradients/runtime";
import type { Deps } from "../deps.ts";
import type { PodStatus } from "../fleet/gpu-fleet.ts";
import { listPlacements, type Placement, prolongLeases, toPlacement } from "../store/placements.ts";
import { controlChannel } from "../store/wake.ts";
import type { Backpressure } from "./backpressure.ts";
import { followPods } from "./follow-pods.ts";
import type { Leadership } from "./leadership.ts";
import { placeAttempts } from "./place-attempts.ts";
import { settleUploads } from "./settle-uploads.ts";
import { sweep } from "./sweep.ts";
import { createPodSync, type PodSync, type PodTimes } from "./sync-pods.ts";

export interface ControlLoopOptions extends PodTimes {
  /** Longest pause between two passes; facts wake it at once. */
  readonly pollSeconds: number;
  /** The relay's address as pods see it; known once the relay listens. */
  readonly relayTarget: () => string;
  readonly leadership: Leadership;
  readonly backpressure: Backpressure;
  readonly logger: Logger;
}

/** What is overdue by the clock alone is looked for no more often, however many facts wake the loop. */
const SWEEP_MS = 100;
/** A look costs what there are pods and placements. While facts come without a pause, it takes a fifth of the time: as many times as long as it took pass before the next. */
const PAUSE_AFTER_LOOK = 4;

/**
 * List, compare, act: the only place that starts and stops pods. One replica does so at a time; the tables and the fleet are all it knows, so it
 * may die and begin anew at any point.
 */
export function createControlLoop(deps: Deps, options: ControlLoopOptions): Part {
  return {
    name: "control loop",
    stopTimeoutMs: 15_000,
    run: (signal) => runControlLoop(deps, options, signal),
  };
}

async function runControlLoop(deps: Deps, options: ControlLoopOptions, signal: AbortSignal): Promise<void> {
  const bell = createWake();
  deps.fleet.watch(bell.ring, signal);
  const listening = deps.db.listen(controlChannel, bell.ring, signal);
  const retry = { what: "lead the control loop", logger: options.logger, signal, maxMs: 2_000 };
  try {
    await withBackoff(retry, () =>
      options.leadership(signal, async (held, db) => {
        const own = { ...deps, db };
        const sync = createPodSync(own, options.relayTarget, options);
        const work = [lead(own, options, sync, bell, held), sync.run(held), keepSettling(own, options, held)];
        await Promise.all(work);
      }),
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  await listening;
}

/** Of the fleet and the placements, as the last look found them. */
interface View {
  readonly pods: readonly PodStatus[];
  /** With what has been placed since. */
  readonly placements: readonly Placement[];
  /** By performance.now(). Until then only the queue is looked at: a slot that has come free is seen later, none is seen that is taken. */
  readonly goodUntil: number;
}

/** Whoever waits is placed at once; all pods and placements are looked at anew as often as that may be, and after a fault. */
async function lead(
  deps: Deps,
  options: ControlLoopOptions,
  sync: PodSync,
  bell: Wake,
  held: AbortSignal,
): Promise<void> {
  const look = createLook(deps, sync, held);
  let view: View | undefined;
  failpoint("scheduler.leading");
  while (!held.aborted) {
    const startedAt = performance.now();
    let pauseMs = options.pollSeconds * 1000;
    try {
      const isGood = view !== undefined && startedAt < view.goodUntil;
      view = await place(deps, options, sync, view && isGood ? view : await look());
      const now = performance.now();
      if (isGood) pauseMs = Math.max(0, view.goodUntil - now);
      deps.observe.passDone((now - startedAt) / 1000);
    } catch (error) {
      view = undefined;
      if (!held.aborted) deps.observe.passFailed(error);
    }
    await bell.wait(pauseMs, held);
  }
}

function createLook(deps: Deps, sync: PodSync, held: AbortSignal): () => Promise<View> {
  let lastSweep = Number.NEGATIVE_INFINITY;
  return async () => {
    const listedAt = performance.now();
    // Nobody can blame an agent for silence while there was nobody to listen.
    if (listedAt - lastSweep > deps.rules.leaseSeconds * 500)
      await deps.db.tx((tx) => prolongLeases(tx, deps.rules.leaseSeconds));
    const pods = await deps.fleet.list(held);
    const placements = await listPlacements(deps.db.q);
    observeSlots(deps, pods);
    failpoint("scheduler.pods-listed");
    await followPods(deps, pods, placements);
    if (listedAt - lastSweep > SWEEP_MS) {
      await sweep(deps);
      lastSweep = performance.now(); // here, not below: what goes wrong from now on must not prolong every lease
    }
    failpoint("scheduler.swept");
    sync.sync({ pods, listedAt, placements });
    const now = performance.now();
    return { pods, placements, goodUntil: now + (now - listedAt) * PAUSE_AFTER_LOOK };
  };
}

async function place(
  deps: Deps,
  { backpressure }: ControlLoopOptions,
  sync: PodSync,
  view: View,
): Promise<View> {
  const placed = await placeAttempts(deps, view.pods, view.placements, backpressure);
  failpoint("scheduler.placed");
  if (placed.length === 0) return view;
  sync.start(placed);
  return { ...view, placements: [...view.placements, ...placed.map(({ attempt }) => toPlacement(attempt))] };
}

function observeSlots({ fleet, observe }: Deps, pods: readonly PodStatus[]): void {
  const live = pods.filter(({ phase }) => phase.kind !== "ended");
  const byClass = Map.groupBy(live, ({ hardwareClass }) => hardwareClass);
  for (const { name, slots } of fleet.classes) observe.busySlots(name, byClass.get(name)?.length ?? 0, slots);
}

/** Apart from the passes: pods and leases do not wait for the object store. */
async function keepSettling(deps: Deps, options: ControlLoopOptions, held: AbortSignal): Promise<void> {
  while (!held.aborted) {
    try {
      await settleUploads(deps, held);
    } catch (error) {
      if (!held.aborted) deps.observe.settlingFailed(error);
    }
    await systemClock.sleep(options.pollSeconds * 1000, held).catch(() => {}); // the loop's condition tells
  }
}
