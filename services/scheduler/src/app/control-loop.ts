import { withAdvisoryLock } from "@gradients/db";
import { createWake, type Logger, type Part, type Wake, withBackoff } from "@gradients/runtime";
import type { Deps } from "../deps.ts";
import { prolongLeases } from "../store/attempts.ts";
import { controlChannel } from "../store/wake.ts";
import { placeAttempts } from "./place-attempts.ts";
import { settleUploads } from "./settle-uploads.ts";
import { sweep } from "./sweep.ts";
import { type PodTimes, syncPods } from "./sync-pods.ts";

export interface ControlLoopOptions extends PodTimes {
  /** Longest pause between two passes; facts wake it at once. */
  readonly pollSeconds: number;
  readonly agingSeconds: number;
  /** The relay's address as pods see it; known once the relay listens. */
  readonly relayTarget: () => string;
  readonly logger: Logger;
}

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
  const listening = deps.db.listen(controlChannel(deps.db.schema), bell.ring, signal);
  const retry = { what: "lead the control loop", logger: options.logger, signal, maxMs: 2_000 };
  try {
    await withBackoff(retry, () =>
      withAdvisoryLock(deps.db, "control", signal, (held) => lead(deps, options, bell, held)),
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  await listening;
}

async function lead(deps: Deps, options: ControlLoopOptions, bell: Wake, held: AbortSignal): Promise<void> {
  let lastPass = Number.NEGATIVE_INFINITY;
  while (!held.aborted) {
    const startedAt = performance.now();
    try {
      // Nobody can blame an agent for silence while there was nobody to listen.
      if (startedAt - lastPass > deps.rules.leaseSeconds * 500)
        await prolongLeases(deps.db, deps.rules.leaseSeconds);
      await pass(deps, options, held);
      lastPass = performance.now();
      deps.observe.passDone((lastPass - startedAt) / 1000);
    } catch (error) {
      if (!held.aborted) deps.observe.passFailed(error);
    }
    await bell.wait(options.pollSeconds * 1000, held);
  }
}

async function pass(deps: Deps, options: ControlLoopOptions, signal: AbortSignal): Promise<void> {
  const pods = await deps.fleet.list(signal);
  await sweep(deps, pods);
  await placeAttempts(deps, pods, options.agingSeconds);
  await syncPods(deps, options.relayTarget(), options, signal);
  await settleUploads(deps, signal);
}
